"""MSTTR: the mean share of different tokens in segments of equal length (Johnson 1944)."""

from __future__ import annotations

import numpy as np

from builder.statistics.words import Array, gather

LENGTHS = (100, 1000)
_ROWS = 65536


def segment_ratios(tokens: Array, starts: Array, rows: Array, length: int) -> Array:
    """Type-token ratio of every whole segment, float64.

    Args:
        tokens: hashes of one side, uint64, texts end to end.
        starts: where each text begins, and the end of the last.
        rows: texts in the order in which they are joined.
        length: tokens of a segment; what is left at the end is not one.
    """
    found = [np.zeros(0)]
    left = np.zeros(0, np.uint64)
    for first in range(0, len(rows), _ROWS):
        here, _ = gather(tokens, starts, rows[first : first + _ROWS])
        here = np.concatenate([left, here])
        whole = len(here) // length * length
        left = here[whole:]
        if whole:
            ordered = np.sort(here[:whole].reshape(-1, length), axis=1)
            types = 1 + (ordered[:, 1:] != ordered[:, :-1]).sum(axis=1)
            found.append(types / length)
    return np.concatenate(found)
