"""Extractive fragments of many pairs at once (Grusky et al., 2018, Newsroom, figure 3).

`dimsum.metrics.overlap.find_fragments` is the definition, for one pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Integers = np.ndarray[Any, np.dtype[Any]]

_CELLS = 1 << 18
"""Of the block that is compared at once: so many bytes stay in a processor's cache."""


def sum_squares(texts: Sequence[Sequence[str]], source: Integers, target: Integers) -> Integers:
    """Sum of the squared lengths of the greedy longest shared fragments, int64, shape (pairs,).

    Args:
        texts: words of each text.
        source: index of each pair's source among the texts, shape (pairs,).
        target: index of each pair's target.
    """
    found = np.zeros(len(source), dtype=np.int64)
    if not len(source):
        return found
    numbers: dict[str, int] = {}
    ids = [[numbers.setdefault(word, len(numbers)) for word in words] for words in texts]
    targets, column = np.unique(target, return_inverse=True)
    lengths = np.array([len(ids[index]) for index in targets.tolist()], dtype=np.int64)
    # The longest targets first: those that are read at a position are then the first few.
    order = np.argsort(-lengths, kind="stable")
    position = np.empty_like(order)
    position[order] = np.arange(len(order))
    column, lengths = position[column], lengths[order]
    right = _pad([ids[index] for index in targets[order].tolist()], -2)
    sources, row = np.unique(source, return_inverse=True)
    by_row = np.argsort(row, kind="stable")
    edges = np.searchsorted(row[by_row], np.arange(len(sources) + 1))
    start = 0
    while start < len(sources):
        width = max(1, len(ids[sources[start]]))
        stop = start + max(1, _CELLS // (width * max(1, len(targets))))
        left = _pad([ids[index] for index in sources[start:stop].tolist()], -1)
        best = find_longest_matches(left[:, :, None], right[:, None], lengths)
        of_chunk = by_row[edges[start] : edges[min(stop, len(sources))]]
        where = (row[of_chunk] - start) * len(targets) + column[of_chunk]
        flat = best.reshape(len(best), left.shape[1] * len(targets))
        found[of_chunk] = walk(flat, where, lengths[column[of_chunk]])[1]
        start = stop
    return found


def _pad(rows: Sequence[Sequence[int]], pad: int) -> Integers:
    """Ids, int32, shape (longest, rows)."""
    found = np.full((max(map(len, rows), default=0), len(rows)), pad, dtype=np.int32)
    for column, row in enumerate(rows):
        found[: len(row), column] = row
    return found


def find_longest_matches(sources: Integers, targets: Integers, lengths: Integers) -> Integers:
    """Length of the longest run that begins at a target's word and is somewhere in a source.

    Args:
        sources: padded word ids, shape (longest source, ...).
        targets: padded with another id, shape (longest target, ...), which is broadcast with the
            sources'; along the last axis the longest come first.
        lengths: words of each target, along the last axis.

    Returns:
        shape (longest target, ...), broadcast; 0 beyond the end of a target.
    """
    width, height = len(sources), len(targets)
    shape = np.broadcast_shapes(sources.shape[1:], targets.shape[1:])
    kind = np.min_scalar_type(min(width, height))
    best = np.zeros((height, *shape), dtype=kind)
    run = np.zeros((width + 1, *shape), dtype=kind)
    equal = np.zeros((width, *shape), dtype=bool)
    longer = np.zeros_like(run[1:])
    reach = np.searchsorted(-lengths, -np.arange(height), side="left")
    for i in range(height - 1, -1, -1) if width else ():
        k = int(reach[i])
        np.equal(sources[..., :k], targets[i, ..., :k], out=equal[..., :k])
        np.add(run[1:, ..., :k], 1, out=longer[..., :k], casting="unsafe")
        np.multiply(longer[..., :k], equal[..., :k], out=run[:-1, ..., :k])
        np.max(run[:-1, ..., :k], axis=0, out=best[i, ..., :k])
    return best


def walk(best: Integers, column: Integers, lengths: Integers) -> tuple[Integers, Integers]:
    """Go along each target from fragment to fragment.

    Args:
        best: longest run that begins at a target's word, shape (longest target, columns).
        column: of each pair in `best`, shape (pairs,).
        lengths: words of each pair's target.

    Returns:
        words in fragments, and the sum of their squared lengths, int64, shape (pairs,).
    """
    shared, squares = (np.zeros(len(column), dtype=np.int64) for _ in range(2))
    pairs = np.arange(len(column))
    index = np.zeros(len(column), dtype=np.int64)
    while True:
        inside = index < lengths[pairs]
        pairs, index = pairs[inside], index[inside]
        if not len(pairs):
            return shared, squares
        length = best[index, column[pairs]].astype(np.int64)
        shared[pairs] += length
        squares[pairs] += length * length
        index += np.maximum(length, 1)
