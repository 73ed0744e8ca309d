"""N-gram counts of a whole side: entropy, distinct shares, vocabulary.

N-grams are 64-bit keys, parted by their range and counted a part at a time, so memory is bounded
by the part. The values come from integers (how many n-grams occur k times) and are the same in
whatever order and pieces the rows came.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from builder.statistics.blocks import Blocks
from builder.statistics.partition import Partition, count_parts, find_part
from builder.statistics.words import Array, Tokens, find_offsets, hash_ngrams, mark_changes
from dimsum.metrics.bootstrap import find_percentiles

PIECE = 1 << 20
"""Tokens whose keys are made at a time, about."""


@dataclass
class Counts:
    """How often the n-grams of one order occur.

    Attributes:
        total: n-grams counted with their repetitions.
        times: how many different n-grams occur k times, by k.
        without: what is left of the sums without each block of rows; None without blocks.
    """

    total: int = 0
    times: Counter[int] = field(default_factory=Counter)
    without: Without | None = None

    @property
    def distinct(self) -> int:
        """Different n-grams."""
        return sum(self.times.values())

    @property
    def once(self) -> int:
        """N-grams that occur exactly once."""
        return self.times.get(1, 0)

    @property
    def entropy(self) -> float | None:
        """H = log2 N - (1/N) sum c log2 c, in bits; None where there is no n-gram."""
        if self.total == 0:
            return None
        weighted = math.fsum(m * k * math.log2(k) for k, m in sorted(self.times.items()))
        return max(0.0, math.log2(self.total) - weighted / self.total)

    @property
    def distinct_share(self) -> float | None:
        """Different n-grams over all (Li et al. 2016); None where there is no n-gram."""
        return self.distinct / self.total if self.total else None

    def interval(self, what: str) -> tuple[float | None, float | None]:
        """Low and high of `entropy`, `distinct` or `distinct_share`."""
        value = getattr(self, what)
        if value is None or self.without is None:
            return None, None
        low, high = self.without.interval(what, float(value))
        top = {"entropy": math.inf, "distinct": float(self.total), "distinct_share": 1.0}[what]
        return max(0.0, low), min(top, high)


class Without:
    """Sums over n-grams without each block of rows in turn.

    Drawing rows again repeats some, which by itself lowers the number of different n-grams; to
    leave a block out does not. Leaving out block b changes only the n-grams that b has: of the sum
    over f(c) it takes f(c) - f(c - c_b).
    """

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        self.plain = 0.0
        self.types = 0
        self.total = 0
        self.less_plain, self.less_types, self.less_total = np.zeros((3, blocks.count))

    def add(self, of_block: Array, number: Array, times: Array, repeated: Array) -> None:
        """Add one part of all n-grams.

        Args:
            of_block: block of every record; n-grams end to end, blocks in order inside each.
            number: of the n-gram of every record.
            times: how often each record counts.
            repeated: occurrences of each n-gram.
        """
        size = self.blocks.count
        first = np.flatnonzero(mark_changes(number, of_block))
        inside = np.add.reduceat(times, first)
        owner, whole = of_block[first], repeated[number[first]]
        lost = _multiply_log(whole) - _multiply_log(whole - inside)
        self.plain += float(_multiply_log(repeated).sum())
        self.types += len(repeated)
        self.total += int(times.sum())
        self.less_plain += np.bincount(owner, lost, minlength=size)
        self.less_types += np.bincount(owner, whole == inside, minlength=size)
        self.less_total += np.bincount(owner, inside, minlength=size)

    def interval(self, what: str, value: float) -> tuple[float, float]:
        """A bootstrap interval from the jackknife's pseudo-values, one for each block."""
        types = self.types - self.less_types
        total = np.maximum(self.total - self.less_total, 1)
        left = {
            "entropy": np.log2(total) - (self.plain - self.less_plain) / total,
            "distinct": types,
            "distinct_share": types / total,
        }[what]
        blocks = self.blocks.count
        pseudo = blocks * value - (blocks - 1) * left
        means = self.blocks.weights @ pseudo / blocks
        low, high = find_percentiles(means)
        shift = value - float(pseudo.mean())
        return low + shift, high + shift


def count(tokens: Tokens, lengths: Array, order: int, blocks: Blocks | None = None) -> Counts:
    """Count the n-grams inside the texts of one side.

    Args:
        tokens: hashes, uint64, texts end to end.
        lengths: tokens of each text.
        order: n.
        blocks: of the rows, for intervals; None counts only.
    """
    of_row = None if blocks is None or len(lengths) < 2 else blocks.of_row
    pieces = _split_pieces(tokens, lengths, of_row)
    return count_pieces(pieces, len(tokens), order, None if of_row is None else blocks)


Piece = tuple[Array, Array, Array | None]
"""Tokens of some texts, how many each has, and the block of each or None."""


def count_pieces(
    pieces: Iterable[Piece], tokens: int, order: int, blocks: Blocks | None = None
) -> Counts:
    """Count the n-grams of texts that come in pieces.

    Args:
        tokens: of all pieces.
        order: n.
        blocks: None counts only, without intervals.
    """
    found = Counts(without=Without(blocks) if blocks is not None else None)
    with Partition(count_parts(tokens), np.uint64, np.uint16, np.uint32) as held:
        for here, lengths, of_row in pieces:
            keys, texts = hash_ngrams(here, lengths, order)
            of_block = np.zeros(len(keys), np.uint16) if of_row is None else of_row[texts]
            times = np.ones(len(keys), np.int64)
            if order == 1:  # single words repeat most: the commonest would not fit into a part
                keys, of_block, times = _add_up(keys, of_block, times)
            held.add(find_part(keys, held.parts), keys, of_block, times)
        for part in range(held.parts):
            keys, of_block, times = held.read(part)
            _count_part(found, keys, of_block, times.astype(np.int64))
    return found


def _count_part(found: Counts, keys: Array, of_block: Array, times: Array) -> None:
    if len(keys) == 0:
        return
    order = _sort_by_key(keys, of_block)
    keys, of_block, times = keys[order], of_block[order], times[order]
    new = mark_changes(keys)
    repeated = np.add.reduceat(times, np.flatnonzero(new))
    found.total += int(times.sum())
    values, how_many = np.unique(repeated, return_counts=True)
    found.times.update(dict(zip(values.tolist(), how_many.tolist(), strict=True)))
    if found.without is not None:
        found.without.add(of_block, np.cumsum(new) - 1, times, repeated)


def _sort_by_key(keys: Array, of_block: Array) -> Array:
    """The order of records by their keys, and by their blocks where keys are equal."""
    by_block = np.argsort(of_block, kind="stable")
    found: Array = by_block[np.argsort(keys[by_block], kind="stable")]
    return found


def _add_up(keys: Array, of_block: Array, times: Array) -> tuple[Array, Array, Array]:
    """Records of the same key and block as one."""
    if len(keys) == 0:
        return keys, of_block, times
    order = _sort_by_key(keys, of_block)
    keys, of_block, times = keys[order], of_block[order], times[order]
    first = np.flatnonzero(mark_changes(keys, of_block))
    return keys[first], of_block[first], np.add.reduceat(times, first)


def _split_pieces(tokens: Tokens, lengths: Array, of_row: Array | None) -> Iterator[Piece]:
    """All texts, about `PIECE` tokens at a time."""
    ends = find_offsets(lengths)
    cuts = np.searchsorted(ends, np.arange(PIECE, int(ends[-1]) + PIECE, PIECE))
    first = 0
    for last in [*np.minimum(cuts, len(lengths)).tolist(), len(lengths)]:
        if last > first:
            here = np.asarray(tokens[int(ends[first]) : int(ends[last])])
            yield here, lengths[first:last], None if of_row is None else of_row[first:last]
            first = last


_TABLE = np.arange(1 << 16, dtype=np.float64)
_TABLE[1:] *= np.log2(_TABLE[1:])


def _multiply_log(counts: Array) -> Array:
    """The function c log2 c, which is 0 at 0."""
    if len(counts) == 0 or int(counts.max()) < len(_TABLE):
        looked: Array = _TABLE[counts]
        return looked
    safe = np.maximum(counts, 1)
    return np.asarray(safe * np.log2(safe))
