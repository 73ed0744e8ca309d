"""splits: released rows with control codes, parted so that nothing leaks.

Pairs that come from one continuation, or that share a sentence, are one component; a component
lies in one split whole. Where a row comes from stands beside it in the table `origins`.
"""

from __future__ import annotations

from typing import Any

import networkx as nx
import pyarrow as pa

from builder.measures.registry import Registry
from builder.models import public_name
from builder.stages.base import (
    Rows,
    Stage,
    Work,
    extend,
    schema_of,
    table_of,
    with_rejects,
)
from builder.store import Output, digest
from dimsum.metrics.overlap import density, fragments
from dimsum.metrics.words import tokens
from dimsum.schema import arrow_schema
from dimsum.tasks import TaskDefinition
from dimsum.tasks.base import Wording

SPLITS = ("train", "validation", "test")


def schema(known: Registry) -> pa.Schema:
    """The released columns and the split."""
    own = [column.name for column in known.own_columns]
    return extend(arrow_schema(own), split=pa.string())


ORIGINS = schema_of(id=pa.string(), continuation_id=pa.string(), context_sentences=pa.int32())
"""Of each released row, in the same order: its continuation, and the sentences in its context."""


def make(work: Work) -> Output:
    """Give every pair its control code, its id and its split; order rows by id."""
    pairs = work.tables["near_duplicates"].to_pylist()
    shares = work.config.splits
    split_of = assign(pairs, shares.validation, shares.test, work.seed)
    teacher = public_name(work.config.teacher.model)
    tasks = {task.name: task for task in work.config.definitions}
    lengths = lengths_of(work.tables["contexts"])
    rows = [
        {
            **release_row(pair, tasks[pair["task"]], teacher),
            "split": split,
            "context_sentences": lengths[pair["context_id"]],
        }
        for pair, split in zip(pairs, split_of, strict=True)
    ]
    return with_origins(rows, [], schema(work.config.registry))


def lengths_of(table: pa.Table) -> dict[str, int]:
    """Sentences in each context of a table with the columns `context_id` and `sentences`."""
    rows = table.select(["context_id", "sentences"]).to_pylist()
    return {row["context_id"]: row["sentences"] for row in rows}


def with_origins(rows: Rows, rejects: Rows, wanted: pa.Schema) -> Output:
    """Rows in the order of their ids, and where each comes from."""
    ordered = sorted(rows, key=lambda row: row["id"])
    output = with_rejects(ordered, rejects, wanted, extend(wanted, reason=pa.string()))
    output.extra["origins"] = table_of(ordered, ORIGINS)
    return output


def release_row(
    pair: dict[str, Any], task: TaskDefinition, teacher: str, round_number: int = 0
) -> dict[str, Any]:
    """A kept pair as a released row."""
    return {
        **pair,
        "id": digest([pair["task"], pair["source"], pair["target"]])[:16],
        "control": control_of(pair, task),
        "round": round_number,
        "teacher": teacher,
    }


def control_of(pair: dict[str, Any], task: TaskDefinition) -> str:
    """The control code of a decided pair."""
    source, target = pair["source"], pair["target"]
    shared = fragments(tokens(source), tokens(target))
    wording = Wording(
        source,
        target,
        compression=pair["compression"],
        density_per_character=density(shared, target, per="character"),
        rouge_l=pair["rouge_l"],
    )
    return task.control(wording)


def assign(pairs: Rows, validation: float, test: float, seed: int) -> list[str]:
    """The split of each pair.

    Components are drawn in the order of a hash; test and then validation take whole components
    as long as they do not exceed their share of rows, and the rest is train.
    """
    graph: nx.Graph[Any] = nx.Graph()
    for index, pair in enumerate(pairs):
        graph.add_edge(index, ("continuation", pair["continuation_id"]))
        graph.add_edge(index, ("sentence", pair["source"]))
        graph.add_edge(index, ("sentence", pair["target"]))
    components = [
        sorted(node for node in found if isinstance(node, int))
        for found in nx.connected_components(graph)
    ]
    components.sort(key=lambda found: digest([seed, found[0], pairs[found[0]]["source"]]))
    result = ["train"] * len(pairs)
    room = {"test": int(test * len(pairs)), "validation": int(validation * len(pairs))}
    for found in components:
        for split in room:
            if len(found) <= room[split]:
                room[split] -= len(found)
                for index in found:
                    result[index] = split
                break
    return result


STAGE = Stage(
    name="splits",
    version=3,
    counted="pairs",
    make=make,
    inputs=("near_duplicates", "contexts"),
    settings=lambda c, _: {
        "splits": c.splits.model_dump(mode="json"),
        "teacher": c.teacher.model,
        "tasks": c.task_versions(),
    },
    whole=True,
)
