"""Rows alike in wording to another row: an exact join on the Jaccard similarity of shingle sets.

Two sets with Jaccard t or more share an element among the first |x| - ceil(t |x|) + 1 of each,
in whatever order all sets are sorted (prefix filtering, Chaudhuri et al. 2006). Sorted by rarity,
almost every prefix is made of shingles that no other row has, so hardly a pair is compared; what
is compared is compared exactly. No hashing trick decides, and nothing is missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from builder.components import smallest_connected
from builder.near_duplicates.verify import alike, distinct
from builder.statistics.words import Array, gather, offsets

THRESHOLD = 0.8
RANGE = 1 << 22
"""Shingles that are sorted at a time, about."""
_ROWS = 65536
_COMPARED = 1 << 20
"""Pairs of rows that are compared at a time, about."""


@dataclass(frozen=True)
class Nearness:
    """Of each row, as 0 or 1.

    Attributes:
        alike: another row is alike.
        across: a row of another split is alike.
        redundant: another row of its chain comes before it in the order of `rank`.
        largest: rows of the largest chain.
    """

    alike: Array
    across: Array
    redundant: Array
    largest: int


def near_rows(
    shingles: Array, lengths: Array, splits: Array, rank: Array, threshold: float = THRESHOLD
) -> Nearness:
    """Find rows that are alike.

    Args:
        shingles: keys of each row, each once, rows end to end, uint64.
        lengths: keys of each row.
        splits: of each row, any numbers.
        rank: of each row, an order that does not depend on how the rows came.
        threshold: Jaccard similarity from which two rows are alike.
    """
    return _verdicts(*_join(shingles, lengths, threshold), splits, rank)


def near_pairs(shingles: Array, lengths: Array, threshold: float = THRESHOLD) -> Array:
    """All pairs of rows that are alike, of rows with the same set each with the first of them.

    Arguments as above; of shape (2, pairs), the smaller row first.
    """
    twin_of, pairs = _join(shingles, lengths, threshold)
    rows = np.flatnonzero(twin_of != np.arange(len(twin_of)))
    return np.concatenate([np.stack([twin_of[rows], rows]), distinct(*pairs)], axis=1)


def _join(shingles: Array, lengths: Array, threshold: float) -> tuple[Array, Array]:
    """Of each row the first one with the same set, and the pairs of such that are alike."""
    starts = offsets(lengths)
    twin_of = _same_sets(shingles, starts, lengths)
    alone = np.flatnonzero(twin_of == np.arange(len(lengths)))
    edges = [
        np.stack([a, b]) for a, b in _alike(shingles, starts, lengths, alone, threshold) if len(a)
    ]
    return twin_of, np.concatenate(edges, axis=1) if edges else np.zeros((2, 0), np.int64)


def _same_sets(shingles: Array, starts: Array, lengths: Array) -> Array:
    """For each row the first row with the same set, found by two sums over its keys."""
    if len(lengths) == 0:
        return np.zeros(0, np.int64)
    first, second = _sums(shingles, starts)
    order = np.lexsort((second, first, lengths))
    new = np.zeros(len(order), bool)
    for values in (first, second, lengths):
        new[1:] |= values[order][1:] != values[order][:-1]
    group = np.cumsum(new)
    smallest = np.full(int(group[-1]) + 1, len(order), np.int64)
    np.minimum.at(smallest, group, order)
    found = np.empty(len(order), np.int64)
    found[order] = smallest[group]
    return found


def _sums(shingles: Array, starts: Array) -> tuple[Array, Array]:
    """Of each row, the sum of its keys and the sum of their squares, modulo 2^64."""
    rows = len(starts) - 1
    first, second = np.zeros(rows, np.uint64), np.zeros(rows, np.uint64)
    for begin in range(0, rows, _ROWS):
        end = min(begin + _ROWS, rows)
        keys = np.asarray(shingles[starts[begin] : starts[end]])
        inside = starts[begin : end + 1] - starts[begin]
        for sums, values in ((first, keys), (second, keys * keys)):
            running = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values, dtype=np.uint64)])
            sums[begin:end] = running[inside[1:]] - running[inside[:-1]]
    return first, second


def _ranges(shingles: Array, starts: Array, rows: Array) -> Iterator[tuple[Array, Array]]:
    """(keys, rows) of all shingles of `rows`, sorted, one range of keys after another."""
    total = int((starts[rows + 1] - starts[rows]).sum())
    ranges = max(1, -(-total // RANGE))
    size = max(1, RANGE // 64)
    for number in range(ranges):
        keys, owners = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
        for first in range(0, len(rows), size):
            part = rows[first : first + size]
            here, lengths = gather(shingles, starts, part)
            owner = np.repeat(part, lengths)
            if ranges > 1:
                inside = (here >> np.uint64(32)) * np.uint64(ranges) >> np.uint64(32) == number
                here, owner = here[inside], owner[inside]
            keys.append(here)
            owners.append(owner)
        joined = np.concatenate(keys)
        order = np.argsort(joined, kind="stable")
        yield joined[order], np.concatenate(owners)[order]


def _alike(
    shingles: Array, starts: Array, lengths: Array, rows: Array, threshold: float
) -> Iterator[tuple[Array, Array]]:
    """Pairs of rows at or above the threshold."""
    rare = np.zeros(len(lengths), np.int64)
    for keys, owners in _ranges(shingles, starts, rows):
        counts = _counts(keys)
        rare += np.bincount(owners[counts == 1], minlength=len(lengths))
    needed = np.ceil(threshold * lengths - 1e-9).astype(np.int64)
    room = lengths - needed + 1 - rare
    open_rows = rows[room[rows] > 0]
    columns: list[list[Array]] = [[np.zeros(0, kind)] for kind in (np.uint64, np.int64, np.int64)]
    is_open = np.zeros(len(lengths), bool)
    is_open[open_rows] = True
    for keys, owners in _ranges(shingles, starts, rows):
        counts = _counts(keys)
        shared = (counts > 1) & is_open[owners]
        for column, values in zip(columns, (keys, owners, counts), strict=True):
            column.append(values[shared])
    keys, owners, counts = (np.concatenate(column) for column in columns)
    order = np.lexsort((keys, counts, owners))
    keys, owners = keys[order], owners[order]
    rank = np.arange(len(owners)) - np.searchsorted(owners, owners, "left")
    prefix = rank < room[owners]
    yield from _verify(shingles, starts, lengths, (keys[prefix], owners[prefix]), threshold)


def _counts(keys: Array) -> Array:
    """Of each key in a sorted array, how often it is there."""
    if len(keys) == 0:
        return np.zeros(0, np.int64)
    begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    sizes = np.diff(np.append(begins, len(keys)))
    return np.repeat(sizes, sizes)


def _verify(
    shingles: Array, starts: Array, lengths: Array, prefixes: tuple[Array, Array], threshold: float
) -> Iterator[tuple[Array, Array]]:
    """Pairs at or above the threshold of those that share a key, some of them several times.

    Rows of a key are in the order of their sizes, so whoever follows the first that is too large
    is too large as well.
    """
    keys, owners = prefixes
    order = np.lexsort((owners, lengths[owners], keys))
    keys, owners = keys[order], owners[order]
    most = np.floor(lengths[owners] / threshold + 1e-9).astype(np.int64)
    waiting: list[tuple[Array, Array]] = []
    at, distance, count = np.arange(len(keys)), 1, 0
    while len(at):
        at = at[at + distance < len(keys)]
        near = (keys[at + distance] == keys[at]) & (lengths[owners[at + distance]] <= most[at])
        at = at[near]
        for first in range(0, len(at), _COMPARED):
            some = at[first : first + _COMPARED]
            waiting.append((owners[some], owners[some + distance]))
            count += len(some)
            if count >= _COMPARED:
                yield _compare(shingles, starts, waiting, threshold)
                waiting, count = [], 0
        distance += 1
    if waiting:
        yield _compare(shingles, starts, waiting, threshold)


def _compare(
    shingles: Array, starts: Array, pairs: list[tuple[Array, Array]], threshold: float
) -> tuple[Array, Array]:
    """The pairs at or above the threshold, each once, the smaller row first."""
    a, b = (np.concatenate(side) for side in zip(*pairs, strict=True))
    a, b = distinct(a, b)
    near = alike(shingles, starts, a, b, threshold)
    return a[near], b[near]


def _verdicts(twin_of: Array, pairs: Array, splits: Array, rank: Array) -> Nearness:
    rows = len(twin_of)
    near = np.zeros(rows, bool)
    near[pairs.ravel()] = True
    alike = near[twin_of] | (np.bincount(twin_of, minlength=rows)[twin_of] > 1)
    roots = _roots(twin_of, pairs)
    return Nearness(
        alike=alike.astype(np.float64),
        across=_across(twin_of, pairs, splits, alike),
        redundant=redundant_copies(roots, rank),
        largest=int(np.bincount(roots).max()) if len(roots) else 0,
    )


def _across(twin_of: Array, pairs: Array, splits: Array, alike: Array) -> Array:
    """Whether a row that is alike lies, or one of those around it, in another split."""
    rows = np.flatnonzero(alike)
    own: dict[int, set[int]] = {}
    for root, split in zip(twin_of[rows].tolist(), splits[rows].tolist(), strict=True):
        own.setdefault(root, set()).add(split)
    around = {root: set(found) for root, found in own.items()}
    for a, b in pairs.T.tolist():
        around[a] |= own[b]
        around[b] |= own[a]
    found = np.zeros(len(twin_of))
    found[rows] = [
        around[root] != {split}
        for root, split in zip(twin_of[rows].tolist(), splits[rows].tolist(), strict=True)
    ]
    return found


def _roots(twin_of: Array, pairs: Array) -> Array:
    """For each row the first of those that it is connected with."""
    rows = np.arange(len(twin_of))
    return smallest_connected(
        np.concatenate([rows, pairs[0]]), np.concatenate([twin_of, pairs[1]]), len(rows)
    )


def redundant_copies(group: Array, rank: Array) -> Array:
    """1 for every row but the first, by `rank`, of those with the same value; float64."""
    order = np.lexsort((rank, group))
    found = np.zeros(len(group))
    found[order[1:]] = group[order][1:] == group[order][:-1]
    return found
