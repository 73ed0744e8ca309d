"""Of each set of a sample the one most like it, be it alike or not."""

from __future__ import annotations

import numpy as np

from builder.near_duplicates.meetings import Meetings
from builder.near_duplicates.verify import jaccard
from builder.statistics.words import Array, find_offsets, mark_changes

COMMON = 200
"""Nobody meets under an element of more sets than this; it still counts in a comparison."""


def find_nearest(keys: Array, lengths: Array) -> tuple[Array, Array]:
    """Number and Jaccard similarity of each set's nearest other set, the first of several.

    A set that shares nothing has its own number and 0.

    Args:
        keys: of the elements of each set, each once, sets end to end, uint64.
        lengths: elements of each set.
    """
    starts = find_offsets(lengths)
    best, likeness = np.arange(len(lengths)), np.zeros(len(lengths))
    for a, b in _meet(keys, lengths).pairs():
        values = jaccard(keys, starts, a, b)
        rows = np.concatenate([a, b, np.arange(len(lengths))])
        others = np.concatenate([b, a, best])
        values = np.concatenate([values, values, likeness])
        order = np.lexsort((others, -values, rows))
        first = order[mark_changes(rows[order])]
        best, likeness = others[first], values[first]
    return best, likeness


def _meet(keys: Array, lengths: Array) -> Meetings:
    owners = np.repeat(np.arange(len(lengths)), lengths)
    order = np.argsort(keys, kind="stable")
    begins = np.append(np.flatnonzero(mark_changes(keys[order])), len(keys))
    sizes = np.diff(begins)
    last = np.repeat(np.where(sizes <= COMMON, begins[1:] - 1, 0), sizes)
    return Meetings(owners[order], last)
