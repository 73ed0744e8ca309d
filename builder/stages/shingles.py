"""shingles: of every pair the set by which near-duplicates are found, and keys to meet by.

A set is the word 3-shingles of source and target; texts too short for one are compared whole. A
MinHash signature of it, cut into bands, gives the keys under which it meets sets that are likely
to be alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from builder.near_duplicates.minhash import (
    OF_PERMUTATIONS,
    PERMUTATIONS,
    choose_bands,
    hash_bands,
    make_signatures,
)
from builder.near_duplicates.shingles import make_sets
from builder.stages.base import Stage, Work, make_schema
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


def make(work: Work) -> Output:
    """Give the sets of a shard's pairs and their keys."""
    batches = work.tables["duplicates"].to_batches(max_chunksize=_ROWS)
    table, keys = make_sets_and_keys(batches, work.config.duplicates.jaccard)
    return Output(table=table, extra={KEYS: keys}, entered=table.num_rows, group=GROUP)


def make_sets_and_keys(
    batches: Iterable[pa.RecordBatch], threshold: float
) -> tuple[pa.Table, pa.Table]:
    """The sets of pairs with the columns task, source and target, and their keys in order.

    Args:
        threshold: Jaccard similarity that decides the bands.
    """
    bands = choose_bands(threshold, PERMUTATIONS)
    sets, keys = [SETS.empty_table()], [np.zeros((0, bands.count), np.uint64)]
    for batch in batches:
        for start in range(0, batch.num_rows, _ROWS):
            some = batch.slice(start, _ROWS)
            texts: Any = [some[name].to_pylist() for name in ("task", "source", "target")]
            elements, lengths = make_sets(*texts)
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


STAGE = Stage(
    name="shingles",
    version=1,
    counted="",
    make=make,
    inputs=("duplicates",),
    settings=lambda c, _: {"jaccard": c.duplicates.jaccard},
    further_libraries=lambda c: OF_PERMUTATIONS,
)
