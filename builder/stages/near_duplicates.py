"""near_duplicates: of pairs alike in wording across the whole corpus, one stays.

MinHash LSH proposes, the true Jaccard similarity of word 3-shingles decides, and every cluster of
verified edges keeps exactly one pair. Texts too short for a shingle are compared whole.
"""

from __future__ import annotations

import networkx as nx
import pyarrow as pa

from builder.errors import GateError
from builder.stages.base import Rows, Stage, Work, extended, with_rejects
from builder.stages.duplicates import strength
from builder.store import Output
from dimsum.metrics.overlap import tokens

PERMUTATIONS = 128
SHINGLE = 3
MINHASH_SEED = 1


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
    gone = extended(schema, reason=pa.string(), survivor_source=pa.string())
    output = with_rejects(rows, rejects, schema, gone)
    output.counters = {"largest_cluster": max(map(len, members.values()), default=0)}
    return output


def shingles(task: str, source: str, target: str) -> frozenset[str]:
    """Word 3-shingles of source and target, marked by side; a short text is one shingle.

    Every element carries the task, so a paraphrase is never alike to a summary.
    """
    found = set()
    for side, text in (("s", source), ("t", target)):
        words = tokens(text) or [text]
        spans = max(1, len(words) - SHINGLE + 1)
        found |= {f"{task}|{side}|{' '.join(words[i : i + SHINGLE])}" for i in range(spans)}
    return frozenset(found)


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """|a & b| / |a | b|; two empty sets are alike."""
    union = len(a | b)
    return len(a & b) / union if union else 1.0


def clusters(sets: list[frozenset[str]], threshold: float) -> list[int]:
    """For each set the smallest index in its cluster; edges have Jaccard >= threshold."""
    from datasketch import MinHash, MinHashLSH

    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(len(sets)))
    # LSH misses most just above its own threshold, so it is given a lower one than is asked.
    index = MinHashLSH(threshold=max(0.1, threshold - 0.1), num_perm=PERMUTATIONS)
    for i, items in enumerate(sets):
        sketch = MinHash(num_perm=PERMUTATIONS, seed=MINHASH_SEED, scheme="affine32")
        sketch.update_batch([item.encode() for item in sorted(items)])
        graph.add_edges_from(
            (i, j) for j in index.query(sketch) if jaccard(items, sets[j]) >= threshold
        )
        index.insert(i, sketch)
    smallest = {i: min(found) for found in nx.connected_components(graph) for i in found}
    return [smallest[i] for i in range(len(sets))]


STAGE = Stage(
    name="near_duplicates",
    version=1,
    unit="pairs",
    make=make,
    inputs=("duplicates",),
    settings=lambda c, _: {"jaccard": c.duplicates.jaccard, "max_drop": c.duplicates.max_drop},
    whole=True,
)
