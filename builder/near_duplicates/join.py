"""Rows alike in wording to another row: an exact join on the Jaccard similarity of shingle sets.

Two sets with Jaccard t or more share an element among the first |x| - ceil(t |x|) + 1 of each,
in whatever order all sets are sorted (prefix filtering, Chaudhuri et al. 2006). Sorted by rarity,
almost every prefix is made of shingles that no other row has, so hardly a pair is compared; what
is compared is compared exactly. No hashing trick decides, and nothing is missed.

Shingles are parted by their range, those that rows share by row, and prefixes by range again, each
into files: of a row a few numbers stay in memory, of its shingles none.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from builder.near_duplicates.chains import Chains, Nearness
from builder.near_duplicates.meetings import Meetings, find_alike_pairs
from builder.near_duplicates.verify import find_distinct
from builder.statistics.partition import Partition, count_parts, find_part, order_parts
from builder.statistics.words import Array, Tokens, find_offsets, mark_changes

THRESHOLD = 0.8
_ROWS = 65536


def find_near_rows(
    shingles: Tokens, lengths: Array, splits: Array, rank: Array, threshold: float = THRESHOLD
) -> Nearness:
    """Find rows that are alike.

    Args:
        shingles: keys of each row, each once, rows end to end, uint64.
        lengths: keys of each row.
        splits: of each row, any numbers.
        rank: of each row, an order that does not depend on how the rows came.
        threshold: Jaccard similarity from which two rows are alike.
    """
    starts = find_offsets(lengths)
    twin_of = _find_same_sets(shingles, starts, lengths)
    chains = Chains(twin_of, splits)
    for a, b in _find_alike(shingles, starts, lengths, twin_of, threshold):
        chains.add(a, b)
    return chains.verdicts(rank)


def find_near_pairs(shingles: Tokens, lengths: Array, threshold: float = THRESHOLD) -> Array:
    """All pairs of rows that are alike, of rows with the same set each with the first of them.

    Arguments as above; of shape (2, pairs), the smaller row first.
    """
    starts = find_offsets(lengths)
    twin_of = _find_same_sets(shingles, starts, lengths)
    rows = np.flatnonzero(twin_of != np.arange(len(twin_of)))
    found = list(_find_alike(shingles, starts, lengths, twin_of, threshold))
    pairs = [np.concatenate([part[side] for part in found]) for side in (0, 1)] if found else []
    twins = np.stack([twin_of[rows], rows])
    return np.concatenate([twins, find_distinct(*pairs)], axis=1) if pairs else twins


def _find_same_sets(shingles: Tokens, starts: Array, lengths: Array) -> Array:
    """For each row the first row with the same set, found by two sums over its keys."""
    found = np.arange(len(lengths))
    first, second = _sum_keys(shingles, starts)
    for part in filter(len, order_parts(first)):
        order = part[np.lexsort((second[part], lengths[part], first[part]))]
        begins = np.flatnonzero(
            mark_changes(*(values[order] for values in (first, second, lengths)))
        )
        sizes = np.diff(np.append(begins, len(order)))
        found[order] = np.repeat(np.minimum.reduceat(order, begins), sizes)
    return found


def _sum_keys(shingles: Tokens, starts: Array) -> tuple[Array, Array]:
    """Of each row, the sum of its keys and the sum of their squares, modulo 2^64."""
    rows = len(starts) - 1
    first, second = np.zeros(rows, np.uint64), np.zeros(rows, np.uint64)
    for begin in range(0, rows, _ROWS):
        end = min(begin + _ROWS, rows)
        keys = np.asarray(shingles[int(starts[begin]) : int(starts[end])])
        inside = starts[begin : end + 1] - starts[begin]
        for sums, values in ((first, keys), (second, keys * keys)):
            running = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values, dtype=np.uint64)])
            sums[begin:end] = running[inside[1:]] - running[inside[:-1]]
    return first, second


def _find_alike(
    shingles: Tokens, starts: Array, lengths: Array, twin_of: Array, threshold: float
) -> Iterator[tuple[Array, Array]]:
    """Pairs of rows at or above the threshold, of rows with the same set only the first; a pair
    may come several times.
    """
    parts, rows = count_parts(len(shingles)), len(lengths)
    rare = np.zeros(rows, np.int64)
    with (
        Partition(parts, np.uint64, np.uint32, np.uint32) as shared,
        Partition(parts, np.uint64, np.uint32) as prefixes,
    ):
        with Partition(parts, np.uint64, np.uint32) as all_keys:
            _part_shingles(shingles, starts, twin_of, all_keys)
            for part in range(parts):
                keys, owners = all_keys.read(part)
                order = np.argsort(keys, kind="stable")
                keys, owners = keys[order], owners[order]
                counts = _count_keys(keys)
                rare += np.bincount(owners[counts == 1], minlength=rows)
                several = counts > 1
                keys, owners, counts = keys[several], owners[several], counts[several]
                by_row = owners.astype(np.uint64) * np.uint64(parts) // np.uint64(max(rows, 1))
                shared.add(by_row.astype(np.min_scalar_type(parts)), keys, owners, counts)
        needed = np.ceil(threshold * lengths - 1e-9).astype(np.int64)
        room = lengths - needed + 1 - rare
        for part in range(parts):
            keys, owners, counts = shared.read(part)
            is_open = np.flatnonzero(room[owners] > 0)
            order = is_open[np.lexsort((keys[is_open], counts[is_open], owners[is_open]))]
            keys, owners = keys[order], owners[order]
            position = np.arange(len(owners)) - np.searchsorted(owners, owners, "left")
            prefix = position < room[owners]
            keys, owners = keys[prefix], owners[prefix]
            prefixes.add(find_part(keys, parts), keys, owners)
        for part in range(parts):
            keys, owners = prefixes.read(part)
            meetings = _meet(keys, owners, lengths, threshold)
            yield from find_alike_pairs(meetings, shingles, starts, threshold)


def _part_shingles(shingles: Tokens, starts: Array, twin_of: Array, into: Partition) -> None:
    """The shingles of rows that are the first with their set, each with its row."""
    for begin in range(0, len(twin_of), _ROWS):
        end = min(begin + _ROWS, len(twin_of))
        keys = np.asarray(shingles[int(starts[begin]) : int(starts[end])])
        rows = np.arange(begin, end)
        inside = np.diff(starts[begin : end + 1])
        alone = np.repeat(twin_of[begin:end] == rows, inside)
        owners = np.repeat(rows, inside)[alone]
        keys = keys[alone]
        into.add(find_part(keys, into.parts), keys, owners)


def _count_keys(keys: Array) -> Array:
    """Of each key in a sorted array, how often it is there."""
    begins = np.flatnonzero(mark_changes(keys))
    sizes = np.diff(np.append(begins, len(keys)))
    return np.repeat(sizes, sizes)


def _meet(keys: Array, owners: Array, lengths: Array, threshold: float) -> Meetings:
    """Rows under each key in the order of their sizes, each with those that are not too large."""
    order = np.lexsort((owners, lengths[owners], keys))
    owners = owners[order]
    sizes = lengths[owners]
    largest = int(sizes.max(initial=0))
    most = np.floor(sizes / threshold + 1e-9).astype(np.int64)
    group = np.cumsum(mark_changes(keys[order])) * (largest + 1)
    end = np.searchsorted(group + sizes, group + np.minimum(most, largest), "right")
    return Meetings(owners, end - 1)
