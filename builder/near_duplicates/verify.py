"""The Jaccard similarity of many pairs of sets at once."""

from __future__ import annotations

import numpy as np

from builder.statistics.words import Array, Tokens, gather

_PAIRS = 1 << 14
_BITS = np.uint64(14)
_WORDS = 4
"""Of 64 bits in a sketch."""


def are_alike(keys: Tokens, starts: Array, a: Array, b: Array, threshold: float) -> Array:
    """Whether the Jaccard similarity of each pair of sets is the threshold or more, bool.

    The keys of a chunk of pairs are sorted together, each behind the number of its pair; what is
    there twice is shared. Of a key its highest 50 bits are compared.

    Args:
        keys: 64-bit keys of each set, each once, sets end to end.
        starts: where each set begins, and the end of the last.
        a, b: numbers of the sets of each pair.
    """
    found = np.zeros(len(a), bool)
    lengths = starts[1:] - starts[:-1]
    both = lengths[a] + lengths[b]
    smaller = np.minimum(lengths[a], lengths[b])
    possible = np.flatnonzero(smaller >= threshold * (both - smaller) - 1e-9)
    for begin in range(0, len(possible), _PAIRS):
        chosen = possible[begin : begin + _PAIRS]
        shared = _count_shared(keys, starts, a[chosen], b[chosen])
        found[chosen] = shared >= threshold * (both[chosen] - shared) - 1e-9
    return found


def make_sketches(keys: Array, starts: Array) -> Array:
    """A few bits of each set, uint64 of shape (words, sets): for each key one that is set.

    Arguments as above; a set has at least one key.
    """
    bits = np.uint64(1) << (keys & np.uint64(63))
    word = (keys >> np.uint64(6)) & np.uint64(_WORDS - 1)
    found = np.empty((_WORDS, len(starts) - 1), np.uint64)
    for number in range(_WORDS):
        mine = np.where(word == np.uint64(number), bits, np.uint64(0))
        np.bitwise_or.reduceat(mine, starts[:-1], out=found[number])
    return found


def may_be_alike(sketch: Array, lengths: Array, a: Array, b: Array, threshold: float) -> Array:
    """Whether sketches leave it open that pairs of sets are alike, bool; never wrong where not.

    A bit that one set has and the other has not stands for a key at least that they do not share,
    so the sketches bound what is shared from above. Most sets that meet and are not alike are known
    by that, for a hundredth of what it takes to compare them.

    Args:
        sketch: of each set, from `make_sketches`.
        lengths: keys of each set.
        a, b: numbers of the sets of each pair.
        threshold: Jaccard similarity from which two sets are alike.
    """
    only_a, only_b = (np.zeros(len(a), np.int64) for _ in range(2))
    for word in sketch:
        here, there = word[a], word[b]
        only_a += np.bitwise_count(here & ~there)
        only_b += np.bitwise_count(there & ~here)
    shared = np.minimum(lengths[a] - only_a, lengths[b] - only_b)
    both = lengths[a] + lengths[b]
    return np.asarray(shared >= threshold * (both - shared) - 1e-9)


def jaccard(keys: Tokens, starts: Array, a: Array, b: Array) -> Array:
    """The Jaccard similarity of each pair of sets, float64; arguments as above."""
    found = np.zeros(len(a))
    lengths = starts[1:] - starts[:-1]
    for begin in range(0, len(a), _PAIRS):
        some = slice(begin, begin + _PAIRS)
        shared = _count_shared(keys, starts, a[some], b[some])
        found[some] = shared / (lengths[a[some]] + lengths[b[some]] - shared)
    return found


def find_distinct(a: Array, b: Array) -> Array:
    """Pairs of numbers below 2^32, each once and the smaller number first, of shape (2, pairs)."""
    small, large = np.minimum(a, b).astype(np.uint64), np.maximum(a, b).astype(np.uint64)
    both = np.unique(small << np.uint64(32) | large)
    return np.stack([both >> np.uint64(32), both & np.uint64(0xFFFFFFFF)]).astype(np.int64)


def _count_shared(keys: Tokens, starts: Array, a: Array, b: Array) -> Array:
    """Elements that the sets of each pair share."""
    parts = []
    for side in (a, b):
        here, lengths = gather(keys, starts, side)
        number = np.repeat(np.arange(len(side), dtype=np.uint64), lengths)
        parts.append(here >> _BITS | number << (np.uint64(64) - _BITS))
    joined = np.sort(np.concatenate(parts))
    twice = joined[1:][joined[1:] == joined[:-1]] >> (np.uint64(64) - _BITS)
    return np.bincount(twice.astype(np.int64), minlength=len(a))
