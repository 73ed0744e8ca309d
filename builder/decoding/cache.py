"""A key/value cache that is written in place: rows join, leave and move without a reallocation.

All rows share one clock. At clock t every row writes its new key and value into column t, so a
step is one slice copy a layer; a row whose context has L tokens and that joins at clock t holds
its context in columns t-L .. t-1, and whatever lies left of it is masked for that row. Rows of
any age and any context length are decoded together that way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers.cache_utils import Cache, CacheLayerMixin


@dataclass(frozen=True, slots=True)
class Prefix:
    """Contexts that were run once, to be copied into as many rows as wanted.

    Attributes:
        keys, values: one a layer, [contexts, key/value heads, columns, head dim], aligned right:
            context i holds the last `lengths[i]` columns.
        lengths: tokens of each context.
        logits: [contexts, vocabulary], of the token that follows, in the model's dtype.
    """

    keys: list[torch.Tensor]
    values: list[torch.Tensor]
    lengths: list[int]
    logits: torch.Tensor

    @property
    def columns(self) -> int:
        """Columns of the longest context."""
        return self.keys[0].shape[2]


class _RowLayer(CacheLayerMixin):  # type: ignore[misc]  # transformers is untyped here
    """One layer's keys and values, [rows, heads, columns, head dim]."""

    is_sliding = False

    def __init__(self, clock: _Clock, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__()
        self.clock = clock
        self.keys: torch.Tensor = keys
        self.values: torch.Tensor = values
        self.is_initialized = True

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing to do: the buffers are made with the cache."""

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        *args: object,
        **kwargs: object,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write at the clock and return views of the window up to and including it."""
        rows, _, width, _ = key_states.shape
        first, now = self.clock.first, self.clock.now
        self.keys[:rows, :, now : now + width] = key_states
        self.values[:rows, :, now : now + width] = value_states
        window = slice(first, now + width)
        return self.keys[:rows, :, window], self.values[:rows, :, window]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Columns a mask has to cover, and the first of them."""
        return self.get_seq_length() + query_length, 0

    def get_seq_length(self) -> int:
        """Columns in the window before the next token."""
        return self.clock.now - self.clock.first

    def get_max_length(self) -> int:
        """-1: the buffers grow."""
        return -1


@dataclass(slots=True)
class _Clock:
    now: int = 0
    first: int = 0


class RowCache(Cache):  # type: ignore[misc]  # transformers is untyped here
    """Keys and values of up to `rows` rows; handed to a model as `past_key_values`.

    One forward of the first n rows reads `mask(n)` and writes column `now`; then `advance`.

    Args:
        like: contexts whose layers give heads, sizes, dtype and device.
        rows: most rows held.
        columns: columns to begin with; more are added when they are needed.
    """

    def __init__(self, like: Prefix, rows: int, columns: int) -> None:
        self.clock = _Clock()
        self.rows = rows
        self.columns = columns
        # Zeros, not empty: a masked column still meets a weight of 0, and 0 x nan is nan.
        layers = [
            _RowLayer(self.clock, _zeros(k, rows, columns), _zeros(v, rows, columns))
            for k, v in zip(like.keys, like.values, strict=True)
        ]
        super().__init__(layers=layers)
        kind = like.keys[0].dtype
        self._hidden = torch.finfo(kind).min
        self._mask = torch.full(
            (rows, 1, 1, columns), self._hidden, dtype=kind, device=like.keys[0].device
        )

    @property
    def now(self) -> int:
        """The column that the next token writes."""
        return self.clock.now

    def mask(self, rows: int) -> torch.Tensor:
        """What each of the first `rows` rows sees: additive, [rows, 1, 1, window], a view."""
        return self._mask[:rows, :, :, self.clock.first : self.clock.now + 1]

    def start(self, column: int) -> None:
        """Set the clock of a cache without rows, so that contexts of `column` tokens fit."""
        self.reserve(column + 1)
        self.clock.now, self.clock.first = column, 0

    def reserve(self, columns: int) -> None:
        """Make sure that there are at least `columns` columns."""
        more = columns - self.columns
        if more <= 0:
            return
        for layer in self.layers:
            layer.keys = torch.nn.functional.pad(layer.keys, (0, 0, 0, more))
            layer.values = torch.nn.functional.pad(layer.values, (0, 0, 0, more))
        # 0: every row sees the columns it is still to write.
        self._mask = torch.nn.functional.pad(self._mask, (0, more))
        self.columns = columns

    def advance(self, first: int) -> None:
        """After a forward: the next column, and from which column on any row still looks.

        Args:
            first: no row needs a column before it.
        """
        self.clock.now += 1
        self.clock.first = first

    def shift(self) -> int:
        """Move the window to the left edge; returns by how many columns."""
        first, now = self.clock.first, self.clock.now
        if first == 0:
            return 0
        width = now - first
        for layer in self.layers:
            for kept in (layer.keys, layer.values):
                kept[:, :, :width] = kept[:, :, first:now].clone()
        self._mask[..., :width] = self._mask[..., first:now].clone()
        self._mask[..., width:] = 0
        self.clock.now, self.clock.first = width, 0
        return first

    def load(self, rows: torch.Tensor, prefix: Prefix, contexts: torch.Tensor) -> None:
        """Give rows their contexts: row rows[i] now ends in context contexts[i].

        Args:
            rows: int64 [n], distinct.
            prefix: its contexts' lengths are at most `now`.
            contexts: int64 [n], indices into `prefix`.
        """
        now = self.clock.now
        lengths = torch.tensor(prefix.lengths, device=contexts.device)[contexts]
        width = int(lengths.max())
        place = slice(now - width, now)
        for layer, keys, values in zip(self.layers, prefix.keys, prefix.values, strict=True):
            layer.keys[rows, :, place] = keys[contexts, :, keys.shape[2] - width :]
            layer.values[rows, :, place] = values[contexts, :, values.shape[2] - width :]
        columns = torch.arange(self.columns, device=contexts.device)
        visible = columns >= (now - lengths)[:, None]
        shown = torch.zeros((), dtype=self._mask.dtype, device=self._mask.device)
        self._mask[rows, 0, 0] = torch.where(visible, shown, self._hidden)

    def move(self, rows: torch.Tensor, to: torch.Tensor) -> None:
        """Copy rows onto others, as to close gaps; both int64 [n], `to` distinct."""
        window = slice(self.clock.first, self.clock.now)
        for layer in self.layers:
            layer.keys[to, :, window] = layer.keys[rows, :, window]
            layer.values[to, :, window] = layer.values[rows, :, window]
        self._mask[to] = self._mask[rows]

    def reorder(self, parents: torch.Tensor) -> None:
        """For beams: row i becomes what row parents[i] was; int64 [n], repeats allowed."""
        self.move(parents, torch.arange(len(parents), device=parents.device))


def _zeros(like: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    return like.new_zeros(rows, like.shape[1], columns, like.shape[3])


def right_aligned(ids: Sequence[Sequence[int]], fill: int = 0) -> torch.Tensor:
    """Sequences of different length as one int64 [sequences, longest], padded on the left."""
    longest = max(len(one) for one in ids)
    return torch.tensor([[fill] * (longest - len(one)) + list(one) for one in ids])
