"""The Jaccard similarity of many pairs of sets at once."""

from __future__ import annotations

import numpy as np

from builder.statistics.words import Array, Tokens, gather

_PAIRS = 1 << 14
_BITS = np.uint64(14)


def alike(keys: Tokens, starts: Array, a: Array, b: Array, threshold: float) -> Array:
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
        shared = _shared(keys, starts, a[chosen], b[chosen])
        found[chosen] = shared >= threshold * (both[chosen] - shared) - 1e-9
    return found


def jaccard(keys: Tokens, starts: Array, a: Array, b: Array) -> Array:
    """The Jaccard similarity of each pair of sets, float64; arguments as above."""
    found = np.zeros(len(a))
    lengths = starts[1:] - starts[:-1]
    for begin in range(0, len(a), _PAIRS):
        some = slice(begin, begin + _PAIRS)
        shared = _shared(keys, starts, a[some], b[some])
        found[some] = shared / (lengths[a[some]] + lengths[b[some]] - shared)
    return found


def distinct(a: Array, b: Array) -> Array:
    """Pairs of numbers below 2^32, each once and the smaller number first, of shape (2, pairs)."""
    small, large = np.minimum(a, b).astype(np.uint64), np.maximum(a, b).astype(np.uint64)
    both = np.unique(small << np.uint64(32) | large)
    return np.stack([both >> np.uint64(32), both & np.uint64(0xFFFFFFFF)]).astype(np.int64)


def _shared(keys: Tokens, starts: Array, a: Array, b: Array) -> Array:
    """Elements that the sets of each pair share."""
    parts = []
    for side in (a, b):
        here, lengths = gather(keys, starts, side)
        number = np.repeat(np.arange(len(side), dtype=np.uint64), lengths)
        parts.append(here >> _BITS | number << (np.uint64(64) - _BITS))
    joined = np.sort(np.concatenate(parts))
    twice = joined[1:][joined[1:] == joined[:-1]] >> (np.uint64(64) - _BITS)
    return np.bincount(twice.astype(np.int64), minlength=len(a))
