"""The beams of many contexts as the branches of trees, one tree for each row of the cache.

Beam search usually gives every beam a row and copies keys and values whenever beams move to
other rows. Here a row is a context and its beams are queries side by side: each token is written
once, every beam sees its own ancestors through an explicit 4D mask, and choosing other beams
only changes masks. The prompt is held once for all beams. Columns that no beam sees any more
are squeezed out when the buffer is full.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from builder.decoding.cache import InPlaceCache, Prefix
from builder.decoding.forward import CausalForward

# Steps of all beams that fit before columns are squeezed out.
_SPARE_STEPS = 2

# Attention is over so many columns or a multiple of them, because on a CPU every other width has
# its kernels written anew, which takes longer than the few columns more and stays in memory.
_WIDTH = 32


def _round_up(columns: int) -> int:
    return columns + -columns % _WIDTH


class TreeCache(InPlaceCache):
    """The buffers of all layers, which have whole widths of columns.

    Args:
        like: contexts whose layers give heads, sizes, dtype and device.
        contexts: most contexts held.
        columns: columns to begin with, at least.
    """

    def __init__(self, like: Prefix, contexts: int, columns: int) -> None:
        super().__init__(like, contexts)
        self.grow(columns)

    def grow(self, columns: int) -> None:
        """Make sure that there are at least `columns` columns."""
        super().grow(_round_up(columns))

    def make_mask(self, visible: torch.Tensor) -> torch.Tensor:
        """Additive mask of the step under way, to whole widths.

        Args:
            visible: bool [contexts, beams, columns written with this step's].

        Returns:
            [contexts, beams, columns shown], in the dtype of the buffers.
        """
        width = visible.shape[2]
        self.shown = _round_up(width)
        keys = self.layers[0].keys
        mask: torch.Tensor = keys.new_full(
            (*visible.shape[:2], self.shown), torch.finfo(keys.dtype).min
        )
        mask[:, :, :width].masked_fill_(visible, 0)
        return mask

    def gather(self, rows: torch.Tensor, columns: torch.Tensor) -> None:
        """Row i becomes the given columns of row rows[i], flush left.

        Args:
            rows: int64 [n], distinct and ascending, n at least 1.
            columns: int64 [n, width].
        """
        many, width = columns.shape
        for layer in self.layers:
            _, heads, held, _ = layer.keys.shape
            first = torch.arange(heads, device=rows.device) + rows[:, None] * heads
            lines = (first[:, :, None] * held + columns[:, None]).flatten()
            for buffer in (layer.keys, layer.values):
                taken = buffer.view(-1, buffer.shape[3]).index_select(0, lines)
                buffer[:many, :, :width] = taken.view(many, heads, width, -1)
        self.now = width

    def load(self, first: int, prefix: Prefix) -> None:
        """Write contexts into the rows from `first` on, flush right before column `now`."""
        rows = slice(first, first + len(prefix.lengths))
        columns = slice(self.now - prefix.columns, self.now)
        for layer, keys, values in zip(self.layers, prefix.keys, prefix.values, strict=True):
            layer.keys[rows, :, columns] = keys
            layer.values[rows, :, columns] = values


class BeamTree:
    """Runs the beams of many contexts through a model.

    Args:
        forward: the model.
        contexts: most contexts held at once.
        beams: queries of a context at each step, as a rule; sizes the buffers.
        groups: how often a mask repeats a query, as `pack_heads` says.
    """

    def __init__(self, forward: CausalForward, contexts: int, beams: int, groups: int = 1) -> None:
        self.forward = forward
        self.groups = groups
        self.contexts = contexts
        self.beams = beams
        self._cache: TreeCache | None = None
        # bool [contexts, beams, columns written]: the columns a beam sees, its own included.
        self._visible = torch.zeros(0, 1, 0, dtype=torch.bool, device=forward.device)
        # int64 [contexts]: tokens before the next one, the same for all beams of a context.
        self._depths = torch.zeros(0, dtype=torch.int64, device=forward.device)
        # Rows that are still wanted; the others go when columns are next moved. None is all.
        self._rows: list[int] | None = None

    def __len__(self) -> int:
        """Contexts held."""
        return len(self._depths) if self._rows is None else len(self._rows)

    @torch.inference_mode()
    def admit(self, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Run new contexts, one beam each, as the last rows.

        Returns:
            [new contexts, 1, vocabulary] logits.
        """
        prefix = self.forward.prefill(prompts)
        held, width = len(self), prefix.columns
        if self._cache is None:
            spare = _SPARE_STEPS * self.beams
            self._cache = TreeCache(prefix, self.contexts, width + spare)
        self._squeeze()
        self._skip_to(width)
        self._cache.load(held, prefix)
        now = self._cache.now
        lengths = torch.tensor(prefix.lengths, device=self.forward.device)
        columns = torch.arange(now, device=self.forward.device)
        seen = (columns >= (now - lengths)[:, None])[:, None]
        beams = max(self._visible.shape[1], 1)
        self._visible = torch.cat([self._visible.expand(-1, beams, -1), seen.expand(-1, beams, -1)])
        self._depths = torch.cat([self._depths, lengths])
        return prefix.logits[:, None]

    def keep(self, rows: Sequence[int]) -> None:
        """Let go of all contexts but these; their order stays."""
        if len(rows) < len(self):
            before = self._rows
            self._rows = list(rows) if before is None else [before[row] for row in rows]

    @torch.inference_mode()
    def extend(self, parents: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Give every context new beams: token tokens[c, b] behind beam parents[c, b].

        Args:
            parents: int64 [contexts, new beams], beams of the last call.
            tokens: int64 [contexts, new beams].

        Returns:
            [contexts, new beams, vocabulary] logits in the model's dtype.
        """
        many = tokens.shape[1]
        self._make_room(many)
        cache = self._cache
        assert cache is not None
        device = self.forward.device
        parents, tokens = parents.to(device), tokens.to(device)
        index = parents[:, :, None].expand(-1, -1, cache.now)
        own = torch.eye(many, dtype=torch.bool, device=device).expand(len(self), -1, -1)
        self._visible = torch.cat([self._visible.gather(1, index), own], dim=2)
        mask = cache.make_mask(self._visible)
        outputs = self.forward.model(
            input_ids=tokens,
            position_ids=self._depths[:, None].expand(-1, many),
            attention_mask=mask.repeat(1, self.groups, 1)[:, None],
            past_key_values=cache,
            use_cache=True,
            return_dict=True,
        )
        cache.now += many
        self._depths = self._depths + 1
        logits: torch.Tensor = outputs.logits
        return logits

    def _make_room(self, columns: int) -> None:
        """See to it that so many columns can be written without moving others."""
        cache = self._cache
        assert cache is not None
        if self._rows is None and cache.now + columns <= cache.columns:
            return
        self._squeeze()
        if cache.now + columns > cache.columns:
            cache.grow(cache.now + columns + _SPARE_STEPS * self.beams)

    def _squeeze(self) -> None:
        """Hold only the contexts still wanted, and of each what a beam sees, flush right."""
        cache = self._cache
        assert cache is not None
        rows = list(range(len(self))) if self._rows is None else self._rows
        self._rows = None
        index = torch.tensor(rows, dtype=torch.int64, device=self.forward.device)
        visible = self._visible[index]
        self._depths = self._depths[index]
        if not len(rows):
            cache.now = 0
            self._visible = visible[:, :, :0]
            return
        used = visible.any(1)
        width = int(used.sum(1).max())
        # Stable, and unused columns first: what is used keeps its order at the right edge.
        columns = used.to(torch.uint8).sort(dim=1, stable=True).indices[:, -width:]
        cache.gather(index, columns)
        self._visible = visible.gather(2, columns[:, None].expand(-1, visible.shape[1], -1))

    def _skip_to(self, column: int) -> None:
        """Leave columns unused so that a context of `column` tokens fits before the next one."""
        cache = self._cache
        assert cache is not None
        skipped = column - cache.now
        cache.grow(max(column, cache.now) + self.beams)
        if skipped > 0:
            cache.now = column
            self._visible = torch.nn.functional.pad(self._visible, (0, skipped))
