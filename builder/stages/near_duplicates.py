"""near_duplicates: of pairs alike in wording across the whole corpus, one stays.

An exact join on the Jaccard similarity of word 3-shingles finds the edges, and every cluster of
them keeps exactly one pair. Texts too short for a shingle are compared whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from builder.errors import GateError
from builder.measures.entailment import DIRECTIONS
from builder.measures.registry import VALIDITY
from builder.near_duplicates.sets import clusters, shingles
from builder.stages.base import Stage, Work
from builder.statistics.words import Array
from builder.store import REJECTS, Output

_ROWS = 1 << 14
"""Pairs that are Python objects at a time."""


def make(work: Work) -> Output:
    """Cluster by verified similarity and keep the best-entailed pair of each cluster.

    Raises:
        GateError: more than `duplicates.max_drop` of the pairs would go.
    """
    pairs = work.tables["duplicates"]
    sets = (shingles(*texts) for texts in _texts(pairs))
    root = clusters(sets, work.config.duplicates.jaccard)
    best = survivors(pairs, root)
    order = np.argsort(root, kind="stable")
    stays = best[order] == order
    kept, gone = order[stays], order[~stays]
    if len(gone) > work.config.duplicates.max_drop * len(order):
        raise GateError(
            f"{len(gone)} of {len(order)} pairs are near-duplicates of another",
            hint="the teacher repeats itself: more openings or a higher temperature; "
            "or raise duplicates.max_drop",
        )
    rejects = pairs.take(gone)
    reasons = [f"{task}.near_duplicate" for task in rejects["task"].to_pylist()]
    rejects = rejects.append_column("reason", pa.array(reasons, pa.string()))
    rejects = rejects.append_column("survivor_source", pairs["source"].take(best[gone]))
    return Output(
        table=pairs.take(kept),
        extra={REJECTS: rejects},
        entered=len(order),
        rejected=Counter(reasons),
        counters={"largest_cluster": int(np.bincount(root).max()) if len(root) else 0},
    )


def _texts(pairs: pa.Table) -> Iterator[tuple[str, str, str]]:
    """Task, source and target of each pair."""
    for some in pairs.select(["task", "source", "target"]).to_batches(max_chunksize=_ROWS):
        yield from zip(*(column.to_pylist() for column in some.columns), strict=True)


def survivors(pairs: pa.Table, root: Array) -> Array:
    """Of each pair the number of the one of its cluster that stays, in the order of `strength`.

    Args:
        root: any number of each pair's cluster, below the number of pairs.
    """
    best = np.arange(len(root))
    rows = np.flatnonzero(np.bincount(root, minlength=len(root))[root] > 1)
    some = pairs.take(rows)
    both = sum(some[name].to_numpy().astype(np.float64) for name in DIRECTIONS.values())
    columns = {"both": both, "source": some["source"], "target": some["target"]}
    if VALIDITY.name in pairs.column_names:
        columns = {"validity": some[VALIDITY.name], **columns}
    order = pc.sort_indices(
        pa.table({"root": root[rows], **columns}),
        sort_keys=[("root", "ascending"), *((name, "descending") for name in columns)],
    ).to_numpy()
    ordered = rows[order]
    clusters_here, first = np.unique(root[ordered], return_index=True)
    best[rows] = ordered[first][np.searchsorted(clusters_here, root[rows])]
    return best


STAGE = Stage(
    name="near_duplicates",
    version=3,
    counted="pairs",
    make=make,
    inputs=("duplicates",),
    settings=lambda c, _: {"jaccard": c.duplicates.jaccard, "max_drop": c.duplicates.max_drop},
    whole=True,
)
