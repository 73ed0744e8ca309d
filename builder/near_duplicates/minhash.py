"""MinHash in arrays: signatures of sets, and the keys under which alike sets are likely to meet.

Source: Broder (1997), On the resemblance and containment of documents; the bands are those of
Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, section 3.4. The permutations are
datasketch's, scheme `affine32`, so a signature is the one that its `MinHash` has.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from builder.statistics.words import GOLDEN, Array, find_offsets, mix

PERMUTATIONS = 128
OF_PERMUTATIONS = ("datasketch",)
"""Whose versions change which permutations there are."""
RECALL = 0.99
_SCHEME = "affine32"
_ELEMENTS = 1 << 15
"""Elements of sets that are permuted at a time, so that they stay in a processor's cache."""


@dataclass(frozen=True)
class Bands:
    """How a signature is cut: two sets meet if they agree in all rows of some band.

    Attributes:
        count: of bands.
        rows: values of a signature in each.
    """

    count: int
    rows: int

    def recall(self, jaccard: float) -> float:
        """The probability that two sets of this similarity meet: 1 - (1 - s^r)^b."""
        return 1.0 - (1.0 - jaccard**self.rows) ** self.count


def choose_bands(
    threshold: float, permutations: int = PERMUTATIONS, recall: float = RECALL
) -> Bands:
    """The longest bands under which sets at the threshold meet with the probability `recall`.

    Longer bands let fewer sets meet that are not alike. Above the threshold the probability is
    larger still.
    """
    found = Bands(permutations, 1)
    for rows in range(2, permutations + 1):
        bands = Bands(permutations // rows, rows)
        if bands.recall(threshold) < recall:
            break
        found = bands
    return found


@lru_cache(maxsize=4)
def _draw_permutations(count: int) -> tuple[Array, Array]:
    from datasketch import MinHash  # with much of scipy, which most commands do without

    factors, terms = MinHash(num_perm=count, scheme=_SCHEME).permutations
    return factors, terms


def make_signatures(keys: Array, lengths: Array, count: int) -> Array:
    """The MinHash signature of each set, uint32 of shape (sets, count).

    Args:
        keys: 64-bit keys of the elements of each set, sets end to end; their low halves are hashed.
        lengths: elements of each set, at least one.
        count: of permutations.
    """
    factors, terms = _draw_permutations(count)
    starts = find_offsets(lengths)
    found = np.empty((len(lengths), count), np.uint32)
    first = 0
    while first < len(lengths):
        last = int(np.searchsorted(starts, starts[first] + _ELEMENTS, "right")) - 1
        last = max(last, first + 1)
        values = _spread(keys[starts[first] : starts[last]].astype(np.uint32))
        inside = starts[first:last] - starts[first]
        permuted = np.empty_like(values)
        for number in range(count):
            np.multiply(values, factors[number], out=permuted)
            permuted += terms[number]
            found[first:last, number] = np.minimum.reduceat(permuted, inside)
        first = last
    return found


def _spread(values: Array) -> Array:
    """The finaliser of MurmurHash3, by which the scheme begins."""
    values = values ^ (values >> np.uint32(16))
    values *= np.uint32(0x85EBCA6B)
    values ^= values >> np.uint32(13)
    values *= np.uint32(0xC2B2AE35)
    values ^= values >> np.uint32(16)
    return values


def hash_bands(signature: Array, bands: Bands) -> Array:
    """A 64-bit key of each band of each signature, uint64 of shape (sets, bands).

    Sets that agree in a band have one key there; sets that do not have it by chance of 2^-64.
    """
    found = np.empty((len(signature), bands.count), np.uint64)
    for band in range(bands.count):
        keys = np.full(len(signature), band, np.uint64)
        for row in range(band * bands.rows, (band + 1) * bands.rows):
            keys = mix(keys ^ (signature[:, row].astype(np.uint64) * np.uint64(GOLDEN)))
        found[:, band] = keys
    return found
