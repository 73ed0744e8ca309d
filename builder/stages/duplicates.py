"""duplicates: of the pairs of one context that say the same, one stays.

Source: arXiv 2305.16635 v4, algorithm 1. Nodes are pairs; an edge joins two pairs when the source
of one entails the source of the other, or the target the target. Of each connected component the
pair with the largest P(x => y) + P(y => x) stays, or where a model of validity is configured the
one with the largest P(valid). Each task has a graph of its own in a context;
`duplicates.within = "control"` makes one for every control code instead, so that a sentence may
stay with a short and with a long target of one task. There the pairs stay whose sources have a
pair under the most codes: a student that sees a sentence under several codes cannot tell the code
from the sentence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from itertools import groupby
from math import fsum, inf
from typing import Any

import pyarrow as pa

from builder.config import BuildConfig
from builder.measures.entailment import DIRECTIONS
from builder.measures.registry import VALIDITY
from builder.stages.base import Rows, Stage, Work, add_rejects, extend
from builder.stages.scores import SIDES
from builder.stages.splits import find_control
from builder.store import Output
from dimsum.tasks import TaskDefinition


def make(work: Work) -> Output:
    """Keep one pair of each component."""
    threshold = work.config.duplicates.entailment
    tasks = {task.name: task for task in work.config.definitions}
    entailed: set[tuple[str, str, str]] = set()
    for link in work.tables["scores.links"].to_pylist():
        if says_entailment(link["entailment"], link["neutral"], threshold):
            entailed.add((link["context_id"], link["premise"], link["hypothesis"]))
    rows: Rows = []
    rejects: Rows = []
    pairs = work.tables["decisions"].to_pylist()
    for context_id, group in groupby(pairs, key=lambda row: row["context_id"]):
        graphs: dict[str, Rows] = defaultdict(list)
        of_codes: dict[str, Rows] = defaultdict(list)
        for row in group:
            task = tasks[row["task"]]
            name = name_graph(row, task, work.config)
            graphs[name].append(row)
            if goes_by_code(task, work.config):
                of_codes[name].append(row)
        measure_shared = rank_sources(of_codes)
        for name in sorted(graphs):
            measure = measure_shared if name in of_codes else measure_strength
            for component in find_components(graphs[name], context_id, entailed):
                best = max(component, key=measure)
                rows.append(best)
                rejects += [
                    {
                        **row,
                        "reason": f"{row['task']}.repeats_in_context",
                        "survivor_source": best["source"],
                    }
                    for row in component
                    if row is not best
                ]
    schema = work.tables["decisions"].schema
    gone = extend(schema, reason=pa.string(), survivor_source=pa.string())
    return add_rejects(rows, rejects, schema, gone)


def goes_by_code(task: TaskDefinition, config: BuildConfig) -> bool:
    """Whether a task's pairs are compared within each control code, and not with all of it."""
    return (config.duplicates.within or task.repeats) == "control"


def name_graph(row: dict[str, Any], task: TaskDefinition, config: BuildConfig) -> str:
    """What a decided pair is compared within: the task, or one of its codes."""
    return find_control(row, task) if goes_by_code(task, config) else task.name


def says_entailment(entailment: float, neutral: float, threshold: float | None) -> bool:
    """Whether a score is an edge: above the threshold, or the likeliest of the three labels."""
    if threshold is not None:
        return entailment > threshold
    return entailment > max(neutral, 1.0 - entailment - neutral)


def measure_strength(row: dict[str, Any]) -> tuple[float, float, str, str]:
    """Order of survival: P(valid) if known, entailment both ways, then the text.

    The text makes one outcome of ties.
    """
    both = sum(row[name] for name in DIRECTIONS.values())
    return row.get(VALIDITY.name) or 0.0, both, row["source"], row["target"]


def rank_sources(of_codes: Mapping[str, Rows]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """Order of survival where each code has a graph of its own.

    First the sources with a pair under the most codes, of these the one whose best pairs are the
    strongest together, so that every code chooses the same; of its pairs the strongest.
    """
    best: dict[str, dict[str, float]] = defaultdict(dict)
    for code, rows in of_codes.items():
        for row in rows:
            known = best[row["source"]]
            known[code] = max(known.get(code, -inf), sum(measure_strength(row)[:2]))
    order = {source: (len(codes), fsum(codes.values())) for source, codes in best.items()}
    return lambda row: (*order[row["source"]], *measure_strength(row))


def find_components(rows: Rows, context_id: str, entailed: set[tuple[str, str, str]]) -> list[Rows]:
    """Connected components of the duplicate graph, in the order of their first pair."""
    import networkx as nx  # here: most commands meet this module and look for no duplicates

    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(len(rows)))
    for i, a in enumerate(rows):
        for j in range(i):
            if any(_are_linked(context_id, a[side], rows[j][side], entailed) for side in SIDES):
                graph.add_edge(i, j)
    found = sorted(sorted(component) for component in nx.connected_components(graph))
    return [[rows[i] for i in component] for component in found]


def _are_linked(context_id: str, a: str, b: str, entailed: set[tuple[str, str, str]]) -> bool:
    return a == b or (context_id, a, b) in entailed or (context_id, b, a) in entailed


STAGE = Stage(
    name="duplicates",
    version=3,
    counted="pairs",
    make=make,
    inputs=("decisions", "scores.links"),
    settings=lambda c, _: {
        **c.duplicates.model_dump(mode="json", include={"entailment", "within"}),
        "tasks": c.task_versions(),
    },
)
