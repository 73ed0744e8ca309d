"""N-gram counts of a whole side: entropy, distinct shares, vocabulary.

N-grams are 64-bit keys, taken one range of keys at a time, so memory is bounded by the range. The
values come from integers (how many n-grams occur k times) and are the same in whatever order and
pieces the rows came.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from builder.statistics.blocks import Blocks
from builder.statistics.words import Array, ngram_keys, offsets
from dimsum.metrics.bootstrap import percentiles

RANGE = 1 << 22
"""Keys that are sorted at a time, about."""
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

    def add(self, of_block: Array, ends: Array, repeated: Array) -> None:
        """Add one range of n-grams.

        Args:
            of_block: block of every occurrence; n-grams end to end, blocks in order inside each.
            ends: number of the n-gram of every occurrence.
            repeated: occurrences of each n-gram.
        """
        size = self.blocks.count
        new = np.ones(len(of_block), bool)
        new[1:] = (ends[1:] != ends[:-1]) | (of_block[1:] != of_block[:-1])
        first = np.flatnonzero(new)
        inside = np.diff(np.append(first, len(of_block)))
        owner, whole = of_block[first], repeated[ends[first]]
        lost = _times_log(whole) - _times_log(whole - inside)
        self.plain += float(_times_log(repeated).sum())
        self.types += len(repeated)
        self.total += len(of_block)
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
        low, high = percentiles(means)
        shift = value - float(pseudo.mean())
        return low + shift, high + shift


def count(tokens: Array, lengths: Array, order: int, blocks: Blocks | None = None) -> Counts:
    """Count the n-grams inside the texts of one side.

    Args:
        tokens: hashes, uint64, texts end to end; may be a memory map.
        lengths: tokens of each text.
        order: n.
        blocks: of the rows, for intervals; None counts only.
    """
    found = Counts()
    ranges = max(1, -(-len(tokens) // RANGE))
    if blocks is not None and len(lengths) > 1:
        found.without = Without(blocks)
    for number in range(ranges):
        keys, rows = _in_range(tokens, lengths, order, number, ranges)
        if len(keys) == 0:
            continue
        if found.without is not None:
            of_block = found.without.blocks.of_row[rows]
            by_block = np.argsort(of_block, kind="stable")
            by_key = by_block[np.argsort(keys[by_block], kind="stable")]
            keys, of_block = keys[by_key], of_block[by_key]
        else:
            keys = np.sort(keys)
        new = np.concatenate([[True], keys[1:] != keys[:-1]])
        repeated = np.diff(np.append(np.flatnonzero(new), len(keys)))
        found.total += len(keys)
        values, how_many = np.unique(repeated, return_counts=True)
        found.times.update(dict(zip(values.tolist(), how_many.tolist(), strict=True)))
        if found.without is not None:
            found.without.add(of_block, np.cumsum(new) - 1, repeated)
    return found


def _in_range(
    tokens: Array, lengths: Array, order: int, number: int, ranges: int
) -> tuple[Array, Array]:
    """Keys in one range of their values, and their rows, made piece by piece."""
    ends = offsets(lengths)
    cuts = np.searchsorted(ends, np.arange(PIECE, int(ends[-1]) + PIECE, PIECE))
    found_keys, found_rows = [], []
    first = 0
    for last in [*np.minimum(cuts, len(lengths)).tolist(), len(lengths)]:
        if last <= first:
            continue
        here = np.asarray(tokens[ends[first] : ends[last]])
        keys, rows = ngram_keys(here, lengths[first:last], order)
        if ranges > 1:
            inside = (keys >> np.uint64(32)) * np.uint64(ranges) >> np.uint64(32) == number
            keys, rows = keys[inside], rows[inside]
        found_keys.append(keys)
        found_rows.append(rows + first)
        first = last
    if not found_keys:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    return np.concatenate(found_keys), np.concatenate(found_rows)


_TABLE = np.arange(1 << 16, dtype=np.float64)
_TABLE[1:] *= np.log2(_TABLE[1:])


def _times_log(counts: Array) -> Array:
    """The function c log2 c, which is 0 at 0."""
    if len(counts) == 0 or int(counts.max()) < len(_TABLE):
        looked: Array = _TABLE[counts]
        return looked
    safe = np.maximum(counts, 1)
    return np.asarray(safe * np.log2(safe))
