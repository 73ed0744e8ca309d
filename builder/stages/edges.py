"""edges: pairs alike in wording among those that meet under the keys of one bucket.

Keys are parted by their value into `duplicates.buckets` buckets, each a unit of its own that reads
its part of every shard's keys. Who meets under a key is compared by the Jaccard similarity of the
sets themselves, so nothing goes that is not alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from builder.near_duplicates.buckets import find_bucket_edges
from builder.shards import Shards
from builder.stages.base import Stage, Work, make_schema
from builder.stages.shingles import KEYS
from builder.statistics.words import Array, find_offsets
from builder.store import Output, read_table

EDGES = make_schema(first=pa.int64(), other=pa.int64())
"""Numbers of two rows; the rows of all shards are numbered end to end."""
CAPPED, LEFT_OUT = "capped_groups", "pairs_left_out"


def make(work: Work) -> Output:
    """Connect the pairs of one bucket that are alike."""
    settings = work.config.duplicates
    earlier = work.paths.get("earlier.shingles", ()), work.paths.get(f"earlier.{KEYS}", ())
    sets = Shards([*work.paths["shingles"], *earlier[0]])
    paths = [*work.paths[f"shingles.{KEYS}"], *earlier[1]]
    keys, owners = read_keys(paths, sets.starts, work.shard, settings.buckets)
    found = find_bucket_edges(
        keys,
        owners,
        partial(digest_sets, sets),
        partial(join_elements, sets),
        settings.jaccard,
        settings.group,
    )
    columns: Any = {"first": found.first, "other": found.other}
    table = pa.table(columns, EDGES)
    return Output(
        table=table,
        entered=table.num_rows,
        counters={CAPPED: found.capped, LEFT_OUT: found.left_out},
    )


def read_keys(
    paths: Sequence[Path], starts: Array, bucket: int, buckets: int
) -> tuple[Array, Array]:
    """The keys of a bucket and the number of the row that has each."""
    low, high = (number * (1 << 64) // buckets for number in (bucket, bucket + 1))
    inside = [("key", ">=", pa.scalar(low, pa.uint64()))]
    if high < 1 << 64:
        inside.append(("key", "<", pa.scalar(high, pa.uint64())))
    keys, owners = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    for start, path in zip(starts.tolist(), paths, strict=False):
        here = read_table(path, ["key", "row"], inside)
        keys.append(here["key"].to_numpy())
        owners.append(here["row"].to_numpy().astype(np.int64) + start)
    return np.concatenate(keys), np.concatenate(owners)


def digest_sets(sets: Shards, rows: Array) -> Array:
    """The hash of each set."""
    return sets.read(rows, ["digest"])["digest"].to_numpy()


def join_elements(sets: Shards, rows: Array) -> tuple[Array, Array]:
    """Sets end to end, and where each begins and ends."""
    parts, lengths = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    chunks: Any = sets.read(rows, ["shingles"])["shingles"].chunks
    for chunk in chunks:
        parts.append(chunk.flatten().to_numpy())
        lengths.append(np.diff(chunk.offsets.to_numpy()))
    return np.concatenate(parts), find_offsets(np.concatenate(lengths))


STAGE = Stage(
    name="edges",
    version=1,
    counted="",
    make=make,
    inputs=("shingles", f"shingles.{KEYS}"),
    settings=lambda c, _: c.duplicates.model_dump(
        mode="json", include={"jaccard", "buckets", "group"}
    ),
    whole=True,
    units=lambda c: c.duplicates.buckets,
)
