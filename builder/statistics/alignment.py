"""What targets share with their sources, many pairs at a time.

Rows of like size are one block. Values equal those of `dimsum.metrics.overlap`, which works pair by
pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from builder.statistics.words import Array, Encoded
from dimsum.metrics.fragments import find_longest_matches, walk
from dimsum.metrics.overlap import lcs_length

MAX_WORDS = 1024
"""Words of a text that overlaps read; the rest of a longer one is left out and counted."""
ORDERS = (1, 2, 3, 4)
_CELLS = 1 << 22
_STEP = 8


@dataclass(frozen=True)
class Alignment:
    """Of each pair: `lcs` and `shared` words, `squares` of fragment lengths, `novel` n-grams.

    Attributes:
        novel: shape (pairs, len(ORDERS)): n-grams of the target that the source has not.
        source, target: words that were read.
    """

    lcs: Array
    shared: Array
    squares: Array
    novel: Array
    source: Array
    target: Array


def align(words: Encoded, pairs: int) -> Alignment:
    """Align targets with sources.

    Args:
        words: of the sources, then of the targets, numbered together.
        pairs: how many of each there are.
    """
    starts = words.starts
    lengths = np.minimum(words.lengths, MAX_WORDS)
    source, target = lengths[:pairs], lengths[pairs:]
    lcs, shared, squares = (np.zeros(pairs, np.int64) for _ in range(3))
    novel = np.zeros((pairs, len(ORDERS)), np.int64)
    for rows in _group_rows(source, target):
        width, height = int(source[rows].max()), int(target[rows].max())
        if height == 0:
            continue
        left = _pad(words.ids, starts[rows], source[rows], width, -1)
        right = _pad(words.ids, starts[rows + pairs], target[rows], height, -2)
        best = find_longest_matches(left.T, right.T, target[rows])
        shared[rows], squares[rows] = walk(best, np.arange(len(rows)), target[rows])
        novel[rows] = _mark_novel(best.T, target[rows])
        lcs[rows] = [
            lcs_length(a[:m].tolist(), b[:n].tolist())
            for a, b, m, n in zip(left, right, source[rows], target[rows], strict=True)
        ]
    return Alignment(lcs, shared, squares, novel, source, target)


def _group_rows(source: Array, target: Array) -> Iterator[Array]:
    """Rows of like size, longest targets first, few enough that their blocks stay small."""
    wide, high = -(-source // _STEP), -(-target // _STEP)
    order = np.lexsort((-target, wide))
    edges = np.flatnonzero(np.diff(wide[order]) | np.diff(high[order])) + 1
    for group in np.split(order, edges):
        if len(group) == 0:
            continue
        cells = max(1, int(wide[group[0]] * high[group[0]]) * _STEP * _STEP)
        size = max(1, _CELLS // cells)
        for start in range(0, len(group), size):
            yield group[start : start + size]


def _pad(ids: Array, starts: Array, lengths: Array, width: int, pad: int) -> Array:
    columns = np.arange(width)
    inside = columns < lengths[:, None]
    return np.where(inside, ids[np.where(inside, starts[:, None] + columns, 0)], pad)


def _mark_novel(best: Array, lengths: Array) -> Array:
    """An n-gram is in the source exactly if the longest match at its start is n or more."""
    columns = np.arange(best.shape[1])
    found = np.zeros((len(best), len(ORDERS)), np.int64)
    for column, order in enumerate(ORDERS):
        begins = columns < (lengths - order + 1)[:, None]
        found[:, column] = (begins & (best < order)).sum(axis=1)
    return found
