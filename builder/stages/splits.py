"""splits: released rows with control codes, parted so that nothing leaks.

Pairs that come from one continuation, or that share a sentence, are one component; a component
lies in one split whole. Where a row comes from stands beside it in the table `origins`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from builder.components import smallest_connected
from builder.config import BuildConfig
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
from builder.stages.syntax import add_trees, trees_identity
from builder.statistics.words import Array, hash_texts, mix
from builder.store import REJECTS, Output, digest
from dimsum.metrics.overlap import density, fragments
from dimsum.metrics.words import tokens
from dimsum.schema import arrow_schema
from dimsum.tasks import TaskDefinition
from dimsum.tasks.base import Wording

SPLITS = ("train", "validation", "test")
_ROWS = 1 << 14
"""Pairs that are Python objects at a time."""


def schema(config: BuildConfig) -> pa.Schema:
    """The released columns and the split."""
    own = [column.name for column in config.registry.own_columns]
    syntax = config.released_syntax is not None
    return extend(arrow_schema(own, syntax=syntax), split=pa.string())


ORIGINS = schema_of(id=pa.string(), continuation_id=pa.string(), context_sentences=pa.int32())
"""Of each released row, in the same order: its continuation, and the sentences in its context."""


def make(work: Work) -> Output:
    """Give every pair its control code, its id and its split; order rows by id."""
    pairs = work.tables["near_duplicates"]
    shares = work.config.splits
    split_of = assign(pairs, shares.validation, shares.test, work.seed)
    teacher = public_name(work.config.teacher.model)
    tasks = {task.name: task for task in work.config.definitions}
    lengths = lengths_of(work.tables["contexts"])
    wanted = schema(work.config)
    parts: list[pa.Table] = [table_of([], wanted)]
    origins: list[pa.Table] = [table_of([], ORIGINS)]
    for start in range(0, pairs.num_rows, _ROWS):
        some = pairs.slice(start, _ROWS).to_pylist()
        rows = [
            {
                **release_row(pair, tasks[pair["task"]], teacher),
                "split": split,
                "context_sentences": lengths[pair["context_id"]],
            }
            for pair, split in zip(some, split_of[start : start + _ROWS], strict=True)
        ]
        add_trees(rows, work.config)
        parts.append(table_of(rows, wanted))
        origins.append(table_of(rows, ORIGINS))
    table = pa.concat_tables(parts)
    order = pc.sort_indices(table["id"])
    return Output(
        table=table.take(order),
        extra={
            REJECTS: table_of([], extend(wanted, reason=pa.string())),
            "origins": pa.concat_tables(origins).take(order),
        },
        entered=table.num_rows,
    )


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


def assign(pairs: pa.Table, validation: float, test: float, seed: int) -> list[str]:
    """The split of each pair.

    Components are drawn in the order of a hash; test and then validation take whole components
    as long as they do not exceed their share of rows, and the rest is train.
    """
    count = pairs.num_rows
    root = smallest_connected(*_edges(pairs))[:count]
    first, component, sizes = np.unique(root, return_inverse=True, return_counts=True)
    sources = pairs["source"].take(first)
    drawn = np.fromiter(
        (digest([seed, int(row), str(text)]) for row, text in zip(first, sources, strict=True)),
        "S64",
        len(first),
    )
    split = np.zeros(len(first), np.int64)
    room = {"test": int(test * count), "validation": int(validation * count)}
    for index in np.argsort(drawn, kind="stable").tolist():
        for name in room:
            if sizes[index] <= room[name]:
                room[name] -= int(sizes[index])
                split[index] = SPLITS.index(name)
                break
    return [SPLITS[number] for number in split[component].tolist()]


def _edges(pairs: pa.Table) -> tuple[Array, Array, int]:
    """Edges from each pair to its continuation and its sentences, as hashes of 64 bits that are
    numbered after the pairs, and how many nodes there are.

    Two that have one hash by chance would only lie in one split.
    """
    names = ("continuation_id", "source", "target")
    hashed = [
        mix(hash_texts(str(text) for text in pairs[name]), salt)
        for name, salt in zip(names, (1, 0, 0), strict=True)
    ]
    found, node = np.unique(np.concatenate(hashed), return_inverse=True)
    rows = np.tile(np.arange(pairs.num_rows), len(names))
    return rows, node + pairs.num_rows, pairs.num_rows + len(found)


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
        **trees_identity(c),
    },
    whole=True,
)
