"""MSTTR: the mean share of different tokens in segments of equal length (Johnson 1944)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from builder.statistics.partition import Partition
from builder.statistics.words import Array, Tokens, find_offsets, gather

LENGTHS = (100, 1000)
ROWS = 1 << 16
"""Texts whose tokens are in memory at a time."""


def measure_segment_ratios(
    texts: Iterable[Array], lengths: Sequence[int] = LENGTHS
) -> dict[int, Array]:
    """Type-token ratio of every whole segment, float64, by the length of segments.

    Args:
        texts: hashes of tokens, uint64, in the order in which they are joined.
        lengths: tokens of a segment; what is left at the end is not one.
    """
    found = {length: [np.zeros(0)] for length in lengths}
    left = {length: np.zeros(0, np.uint64) for length in lengths}
    for tokens in texts:
        for length in lengths:
            here = np.concatenate([left[length], tokens])
            whole = len(here) // length * length
            left[length] = here[whole:]
            if whole:
                ordered = np.sort(here[:whole].reshape(-1, length), axis=1)
                types = 1 + (ordered[:, 1:] != ordered[:, :-1]).sum(axis=1)
                found[length].append(types / length)
    return {length: np.concatenate(ratios) for length, ratios in found.items()}


def put_in_order(tokens: Tokens, lengths: Array, rows: Array) -> Iterator[Array]:
    """The tokens of some texts in an order, those of up to `ROWS` texts at a time.

    The texts of each part of the order are brought together in a file first, so that a corpus is
    read from its beginning to its end and not text by text.

    Args:
        tokens: hashes, uint64, texts end to end.
        lengths: tokens of each text.
        rows: numbers of texts, each at most once, in the order wanted.
    """
    starts = find_offsets(lengths)
    if len(rows) <= ROWS:
        yield gather(tokens, starts, rows)[0]
        return
    rank = np.full(len(lengths), -1, np.int64)
    rank[rows] = np.arange(len(rows))
    parts = -(-len(rows) // ROWS)
    with Partition(parts, np.uint64) as held, Partition(parts, np.int64, np.int64) as places:
        for first in range(0, len(lengths), ROWS):
            wanted = first + np.flatnonzero(rank[first : first + ROWS] >= 0)
            last = min(first + ROWS, len(lengths))
            here = np.asarray(tokens[int(starts[first]) : int(starts[last])])
            some, sizes = gather(here, starts[first : last + 1] - starts[first], wanted - first)
            part = (rank[wanted] // ROWS).astype(np.uint16)
            held.add(np.repeat(part, sizes), some)
            places.add(part, rank[wanted], sizes)
        for part_number in range(parts):
            rank_here, sizes = places.read(part_number)
            yield gather(held.read(part_number)[0], find_offsets(sizes), np.argsort(rank_here))[0]
