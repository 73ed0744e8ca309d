"""clusters: which pairs go because another of the corpus is worded almost like them.

The edges of all buckets make clusters, and each keeps one pair: the one with the largest P(valid)
if known, then with the largest P(x => y) + P(y => x), then the last by source, target and context.
A pair of another release (`builder.stages.earlier`) is before all of this run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from builder.components import find_smallest_connected
from builder.errors import GateError
from builder.measures.entailment import DIRECTIONS
from builder.measures.registry import VALIDITY
from builder.shards import Shards
from builder.stages.base import Stage, Work, make_schema
from builder.statistics.words import Array
from builder.store import Output, read_table

GOES = make_schema(
    shard=pa.int32(), row=pa.int64(), survivor_source=pa.string(), earlier_id=pa.string()
)
"""In the order of shards and rows: a row that goes, and the source of the one that stays, with its
id if it is of another release."""
GROUP = 1 << 14
TEXTS = ("source", "target", "context_id")


def make(work: Work) -> Output:
    """Find the rows that go.

    Raises:
        GateError: they are more than `duplicates.max_drop` of all.
    """
    own = work.paths["duplicates"]
    pairs = Shards([*own, *work.paths.get("earlier", ())])
    total = int(pairs.starts[len(own)])
    rows, root = find_joined(work.paths["edges"])
    best, sources = find_survivors(pairs, rows, root)
    goes = np.flatnonzero((rows != rows[best]) & (rows < total))
    if len(goes) > work.config.duplicates.max_drop * total:
        raise GateError(
            f"{len(goes)} of {total} pairs are near-duplicates of another",
            hint="the teacher repeats itself: more openings or a higher temperature; "
            "or raise duplicates.max_drop",
        )
    shard = np.searchsorted(pairs.starts, rows[goes], "right") - 1
    columns: Any = {
        "shard": shard.astype(np.int32),
        "row": rows[goes] - pairs.starts[shard],
        "survivor_source": sources.take(pa.array(goes, pa.int64())),
        "earlier_id": list_ids(pairs, rows[best[goes]], total),
    }
    largest = int(np.bincount(root).max()) if len(root) else min(total, 1)
    return Output(
        table=pa.table(columns, GOES),
        entered=len(goes),
        counters={"largest_cluster": largest},
        group=GROUP,
    )


def find_joined(paths: Sequence[Path]) -> tuple[Array, Array]:
    """The rows that have an edge, ascending, and a number for the cluster of each."""
    edges = pa.concat_tables([read_table(path) for path in paths])
    first, other = (edges[name].to_numpy() for name in ("first", "other"))
    rows, number = np.unique(np.concatenate([first, other]), return_inverse=True)
    half = len(first)
    return rows, find_smallest_connected(number[:half], number[half:], len(rows))


def find_survivors(pairs: Shards, rows: Array, root: Array) -> tuple[Array, pa.ChunkedArray[Any]]:
    """Of each row the index of the one of its cluster that stays, and the source of that one.

    The order is that of `builder.stages.duplicates.measure_strength`, then the context. Texts are
    read only of rows whose numbers are the largest of their cluster.

    Args:
        rows: that are in clusters, ascending.
        root: any number of the cluster of each.
    """
    numbers = np.stack([read_validity(pairs, rows), sum_entailment(pairs, rows)])
    order = np.lexsort((-numbers[1], -numbers[0], root))
    _, begin, cluster = np.unique(root[order], return_index=True, return_inverse=True)
    largest = np.zeros(len(rows), bool)
    largest[order] = (numbers[:, order] == numbers[:, order[begin][cluster]]).all(axis=0)
    tied = np.flatnonzero(largest)
    texts = pairs.read(rows[tied], TEXTS)
    found = pc.sort_indices(
        pa.table({"root": root[tied], **{name: texts[name] for name in TEXTS}}),
        sort_keys=[("root", "ascending"), *((name, "descending") for name in TEXTS)],
    ).to_numpy()
    stays, first = np.unique(root[tied[found]], return_index=True)
    of = np.searchsorted(stays, root)
    return tied[found[first]][of], texts["source"].take(pa.array(found[first][of]))


def list_ids(pairs: Shards, stays: Array, total: int) -> pa.Array[Any]:
    """The id of each row that is of another release, whose rows begin at `total`; else null."""
    old = np.flatnonzero(stays >= total)
    numbers, index = np.unique(stays[old], return_inverse=True)
    texts = pairs.read(numbers, ["context_id"])["context_id"].to_pylist()
    found: list[str | None] = [None] * len(stays)
    for row, number in zip(old.tolist(), index.tolist(), strict=True):
        found[row] = texts[number]
    return pa.array(found, pa.string())


def sum_entailment(pairs: Shards, rows: Array) -> Array:
    """P(x => y) + P(y => x) of each row, float64."""
    found = pairs.read(rows, tuple(DIRECTIONS.values()))
    columns = [column.to_numpy().astype(np.float64) for column in found.columns]
    return np.asarray(np.sum(columns, axis=0))


def read_validity(pairs: Shards, rows: Array) -> Array:
    """P(valid) of each row, or 0 where it is unknown."""
    if VALIDITY.name not in pairs.columns:
        return np.zeros(len(rows))
    found = pairs.read(rows, (VALIDITY.name,))[VALIDITY.name].to_numpy()
    return np.asarray(np.where(np.isnan(found), 0.0, found))


STAGE = Stage(
    name="clusters",
    version=2,
    counted="",
    make=make,
    inputs=("duplicates", "edges"),
    settings=lambda c, _: {"max_drop": c.duplicates.max_drop},
    whole=True,
)
