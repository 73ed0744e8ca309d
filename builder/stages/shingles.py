"""shingles: of every pair the set by which near-duplicates are found, and keys to meet by.

A set is the word 3-shingles of source and target, of one task or, where repeats of a context are
sought within each control code, of one code; texts too short for one are compared whole. A
MinHash signature of it, cut into bands, gives the keys under which it meets sets that are likely
to be alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from builder.config import BuildConfig
from builder.near_duplicates.minhash import (
    OF_PERMUTATIONS,
    PERMUTATIONS,
    choose_bands,
    hash_bands,
    make_signatures,
)
from builder.near_duplicates.shingles import make_sets
from builder.stages.base import Stage, Work, make_schema
from builder.stages.duplicates import goes_by_code, name_graph
from builder.statistics.words import Array, find_offsets, mix
from builder.store import Output

_ROWS = 1 << 13
"""Pairs that are Python objects at a time."""
KEYS = "keys"
SETS = make_schema(digest=pa.uint64(), shingles=pa.large_list(pa.uint64()))
"""Of each pair, in the order of `duplicates`: a hash of its set, and the 64-bit keys of it."""
MET = make_schema(key=pa.uint64(), row=pa.uint32())
"""In the order of keys: which row has each."""
GROUP = 1 << 14

Texts = tuple[list[str], list[str], list[str]]
"""Of pairs what each is compared within, their sources and targets."""


def make(work: Work) -> Output:
    """Give the sets of a shard's pairs and their keys."""
    batches = work.tables["duplicates"].to_batches(max_chunksize=_ROWS)
    named = (name_texts(batch, work.config) for batch in batches)
    table, keys = make_sets_and_keys(named, work.config.duplicates.jaccard)
    return Output(table=table, extra={KEYS: keys}, entered=table.num_rows, group=GROUP)


def name_texts(batch: pa.RecordBatch, config: BuildConfig) -> Texts:
    """Decided pairs with what each is compared within."""
    tasks = {task.name: task for task in config.definitions}
    names: list[Any] = batch["task"].to_pylist()
    if any(goes_by_code(task, config) for task in config.definitions):
        rows = batch.to_pylist()
        names = [name_graph(row, tasks[row["task"]], config) for row in rows]
    sides: list[Any] = [batch[side].to_pylist() for side in ("source", "target")]
    return names, sides[0], sides[1]


def make_sets_and_keys(batches: Iterable[Texts], threshold: float) -> tuple[pa.Table, pa.Table]:
    """The sets of pairs, and their keys in order.

    Args:
        threshold: Jaccard similarity that decides the bands.
    """
    bands = choose_bands(threshold, PERMUTATIONS)
    sets, keys = [SETS.empty_table()], [np.zeros((0, bands.count), np.uint64)]
    for batch in batches:
        for start in range(0, len(batch[0]), _ROWS):
            names, sources, targets = (side[start : start + _ROWS] for side in batch)
            elements, lengths = make_sets(names, sources, targets)
            sets.append(as_table(elements, lengths))
            found = make_signatures(elements, lengths, bands.count * bands.rows)
            keys.append(hash_bands(found, bands))
    return pa.concat_tables(sets), sort_by_key(np.concatenate(keys))


def as_table(elements: Array, lengths: Array) -> pa.Table:
    """Sets and the hash of each: the sum of its keys, each spread once more."""
    starts = find_offsets(lengths)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mix(elements), dtype=np.uint64)])
    values: Any = pa.array(elements)
    lists = pa.LargeListArray.from_arrays(pa.array(starts, pa.int64()), values)
    columns: Any = {"digest": sums[starts[1:]] - sums[starts[:-1]], "shingles": lists}
    return pa.table(columns, SETS)


def sort_by_key(keys: Array) -> pa.Table:
    """The keys of all bands in order, each with its row."""
    rows = np.repeat(np.arange(len(keys), dtype=np.uint32), keys.shape[1])
    order = np.argsort(keys.ravel(), kind="stable")
    columns: Any = {"key": keys.ravel()[order], "row": rows[order]}
    return pa.table(columns, MET)


def list_settings(config: BuildConfig) -> dict[str, Any]:
    """What decides the sets."""
    found: dict[str, Any] = {"jaccard": config.duplicates.jaccard}
    if by_code := [task.name for task in config.definitions if goes_by_code(task, config)]:
        found |= {"by_code": by_code, "tasks": config.task_versions()}
    return found


STAGE = Stage(
    name="shingles",
    version=1,
    counted="",
    make=make,
    inputs=("duplicates",),
    settings=lambda c, _: list_settings(c),
    further_libraries=lambda c: OF_PERMUTATIONS,
)
