"""A key/value cache in which the samples of a context stand side by side in one row.

Usually every sample has a row, with a copy of its context. Here a row, a pack, has `slots`
samples as queries side by side: each step writes one column for every slot, and an explicit
mask shows a slot its context and its own columns only. A context is held once for all slots,
attention is a few large products instead of many small ones, and a slot whose sample has ended
takes the next sample of its context by a change of the mask alone.

Columns are written in place. Those that nobody sees any more hold further contexts; when the
buffer is full the others are moved together.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers.cache_utils import Cache, CacheLayerMixin


@dataclass(frozen=True, slots=True)
class Prefix:
    """Contexts that were run once, to be copied wherever they are wanted.

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


@dataclass(frozen=True, slots=True)
class Columns:
    """Some columns of some packs: pairs (pack, column), int64 [n] each."""

    packs: NDArray[np.int64]
    columns: NDArray[np.int64]

    def index(self, device: torch.device) -> tuple[torch.Tensor, slice, torch.Tensor]:
        """As an index into [packs, heads, columns, head dim]; selects [n, heads, head dim]."""
        packs, columns = (torch.from_numpy(a).to(device) for a in (self.packs, self.columns))
        return packs, slice(None), columns

    def rows(self, like: torch.Tensor) -> torch.Tensor:
        """As rows of [packs, heads, columns, head dim] seen as [rows, head dim]; int64 [n x heads].

        Whole rows are copied, so moving columns takes a third of the time that `index` takes.
        """
        heads, columns = like.shape[1:3]
        first = self.packs[:, None] * heads + np.arange(heads)
        return torch.from_numpy(first * columns + self.columns[:, None]).flatten().to(like.device)


class InPlaceLayer(CacheLayerMixin):  # type: ignore[misc]  # transformers is untyped here
    """One layer's keys and values, [rows, heads, columns, head dim], written in place.

    Args:
        owner: the cache. Its `now` says how many columns are written, its `shown` how many the
            mask of the step under way covers.
    """

    is_sliding = False

    def __init__(self, owner: Any, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__()
        self.owner = weakref.proxy(owner)  # a cycle would hold the buffers until it is looked for
        self.keys: torch.Tensor = keys
        self.values: torch.Tensor = values
        self.is_initialized = True

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing to do: the buffers are made with the cache."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write at the next columns; returns views of the columns that the mask covers."""
        rows, _, width, _ = key_states.shape
        now = self.owner.now
        self.keys[:rows, :, now : now + width] = key_states
        self.values[:rows, :, now : now + width] = value_states
        shown = self.owner.shown
        return self.keys[:rows, :, :shown], self.values[:rows, :, :shown]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Columns a mask has to cover, and the first of them."""
        return self.get_seq_length() + query_length, 0

    def get_seq_length(self) -> int:
        """Columns written."""
        written: int = self.owner.now
        return written

    def get_max_length(self) -> int:
        """-1: the buffers grow."""
        return -1


class InPlaceCache(Cache):  # type: ignore[misc]  # transformers is untyped here
    """The buffers of all layers; handed to a model as `past_key_values`.

    Args:
        like: contexts whose layers give heads, sizes, dtype and device.
        rows: rows of the buffers.

    Attributes:
        now: columns written.
        shown: columns that the last mask covers.
        columns: columns there are; none until they are grown.
    """

    def __init__(self, like: Prefix, rows: int) -> None:
        self.now = 0
        self.shown = 0
        self.columns = 0
        layers = [
            InPlaceLayer(self, _make_empty(keys, rows), _make_empty(values, rows))
            for keys, values in zip(like.keys, like.values, strict=True)
        ]
        super().__init__(layers=layers)

    def grow(self, columns: int) -> None:
        """See to it that there are so many columns; what is written stays."""
        more = columns - self.columns
        if more > 0:
            for layer in self.layers:
                layer.keys = torch.nn.functional.pad(layer.keys, (0, 0, 0, more))
                layer.values = torch.nn.functional.pad(layer.values, (0, 0, 0, more))
            self.columns = columns


class PackedCache(InPlaceCache):
    """The buffers of all layers and the mask; a step writes `now` .. `now + slots - 1`.

    Args:
        like: contexts whose layers give heads, sizes, dtype and device.
        packs: rows.
        slots: samples side by side in a row.
        groups: how often the mask repeats a query (`builder.decoding.attention`).
    """

    def __init__(self, like: Prefix, packs: int, slots: int, groups: int) -> None:
        self.slots = slots
        super().__init__(like, packs)
        kind = like.keys[0].dtype
        self._hidden = torch.finfo(kind).min
        self._mask = like.keys[0].new_zeros(packs, groups, slots, 0)

    @property
    def device(self) -> torch.device:
        """Where the buffers are."""
        return self._mask.device

    def make_mask(self, packs: int) -> torch.Tensor:
        """What the first packs' next queries see: additive, [packs, 1, queries, columns]."""
        self.shown = self.now + self.slots
        return self._mask[:packs, :, :, : self.shown].flatten(1, 2)[:, None]

    def show(self, pack: int, slot: int, columns: Sequence[int]) -> None:
        """Let a slot see, of what is written, these columns only."""
        mine = self._mask[pack, :, slot]
        mine[:, : self.now] = self._hidden
        mine[:, torch.tensor(columns, device=self.device)] = 0

    def load(self, to: Columns, prefix: Prefix, contexts: Columns) -> None:
        """Copy columns of contexts; of `contexts` the "packs" are indices into `prefix`."""
        target, source = to.index(self.device), contexts.index(self.device)
        for layer, keys, values in zip(self.layers, prefix.keys, prefix.values, strict=True):
            layer.keys[target] = keys[source]
            layer.values[target] = values[source]

    def arrange(self, to: Columns, old: Columns, now: int, packs: int, columns: int) -> None:
        """Move columns, forget the others and hide everything that is written.

        Args:
            to: where they go, all before `now`.
            old: where they are.
            now: the next column to write.
            packs: how many go on, no more than there are. If they are fewer, the buffers are
                made anew in this size.
            columns: how many there shall be at least; exactly, if packs are fewer.
        """
        if packs < len(self._mask):
            self.columns = columns
            self._mask = self._mask.new_empty(packs, *self._mask.shape[1:3], columns)
            change = self._make_anew
        else:
            self.grow(columns)
            moves = (to.packs != old.packs) | (to.columns != old.columns)
            to, old = (Columns(one.packs[moves], one.columns[moves]) for one in (to, old))
            change = self._move
        for layer in self.layers:
            layer.keys = change(layer.keys, to, old)
            layer.values = change(layer.values, to, old)
        self.now = now
        self._mask.fill_(self._hidden)
        self._show_own()

    def _move(self, held: torch.Tensor, to: Columns, old: Columns) -> torch.Tensor:
        """Columns moved within a buffer."""
        rows = held.view(-1, held.shape[3])
        rows.index_copy_(0, to.rows(held), rows.index_select(0, old.rows(held)))
        return held

    def _make_anew(self, held: torch.Tensor, to: Columns, old: Columns) -> torch.Tensor:
        """A buffer with as many packs as the mask, filled in one pass.

        What no column goes to holds the first row of the old buffer, which is as good as zeros:
        it is hidden, and a number.
        """
        shape = (len(self._mask), held.shape[1], self.columns, held.shape[3])
        source = torch.zeros(shape[:3], dtype=torch.int64, device=held.device)
        source.view(-1)[to.rows(source)] = old.rows(held)
        return held.view(-1, shape[3]).index_select(0, source.view(-1)).view(shape)

    def grow(self, columns: int) -> None:
        """See to it that there are so many columns; what is written stays, and as visible."""
        more = columns - self.columns
        if more > 0:
            super().grow(columns)
            self._mask = torch.nn.functional.pad(self._mask, (0, more), value=self._hidden)
            self._show_own()

    def _show_own(self) -> None:
        """Let every slot see what it writes from now on."""
        for slot in range(self.slots):
            self._mask[:, :, slot, self.now + slot :: self.slots] = 0


def _make_empty(like: torch.Tensor, packs: int) -> torch.Tensor:
    # Grown with zeros: a hidden column still meets a weight of 0, and 0 x nan is nan.
    return like.new_zeros(packs, like.shape[1], 0, like.shape[3])


def align_right(ids: Sequence[Sequence[int]], fill: int = 0) -> torch.Tensor:
    """Sequences of different length as one int64 [sequences, longest], padded on the left."""
    longest = max(len(one) for one in ids)
    return torch.tensor([[fill] * (longest - len(one)) + list(one) for one in ids])
