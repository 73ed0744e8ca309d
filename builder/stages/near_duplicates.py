"""near_duplicates: of pairs alike in wording across the whole corpus, one stays.

An exact join on the Jaccard similarity of word 3-shingles finds the edges, and every cluster of
them keeps exactly one pair. Texts too short for a shingle are compared whole.
"""

from __future__ import annotations

import pyarrow as pa

from builder.errors import GateError
from builder.near_duplicates.sets import clusters, shingles
from builder.stages.base import Rows, Stage, Work, extend, with_rejects
from builder.stages.duplicates import strength
from builder.store import Output


def make(work: Work) -> Output:
    """Cluster by verified similarity and keep the best-entailed pair of each cluster.

    Raises:
        GateError: more than `duplicates.max_drop` of the pairs would go.
    """
    pairs = work.tables["duplicates"].to_pylist()
    sets = [shingles(row["task"], row["source"], row["target"]) for row in pairs]
    cluster_of = clusters(sets, work.config.duplicates.jaccard)
    members: dict[int, list[int]] = {}
    for index, root in enumerate(cluster_of):
        members.setdefault(root, []).append(index)
    rows: Rows = []
    rejects: Rows = []
    for root in sorted(members):
        best = max(members[root], key=lambda i: strength(pairs[i]))
        rows.append(pairs[best])
        rejects += [
            {
                **pairs[i],
                "reason": f"{pairs[i]['task']}.near_duplicate",
                "survivor_source": pairs[best]["source"],
            }
            for i in members[root]
            if i != best
        ]
    if len(rejects) > work.config.duplicates.max_drop * len(pairs):
        raise GateError(
            f"{len(rejects)} of {len(pairs)} pairs are near-duplicates of another",
            hint="the teacher repeats itself: more openings or a higher temperature; "
            "or raise duplicates.max_drop",
        )
    schema = work.tables["duplicates"].schema
    gone = extend(schema, reason=pa.string(), survivor_source=pa.string())
    output = with_rejects(rows, rejects, schema, gone)
    output.counters = {"largest_cluster": max(map(len, members.values()), default=0)}
    return output


STAGE = Stage(
    name="near_duplicates",
    version=3,
    counted="pairs",
    make=make,
    inputs=("duplicates",),
    settings=lambda c, _: {"jaccard": c.duplicates.jaccard, "max_drop": c.duplicates.max_drop},
    whole=True,
)
