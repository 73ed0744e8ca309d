"""splits: released rows with control codes, parted so that nothing leaks.

Pairs that come from one continuation, or that share a sentence, are one component; a component
lies in one split whole. Which one is drawn by the ids of its rows, so neither their order nor how
they were cut into shards decides. Where a row comes from stands beside it in the table `origins`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from builder.config import BuildConfig
from builder.models import make_public_name
from builder.splitting import KEYS, SPLITS, assign, choose_first_of_each, make_keys, make_row_id
from builder.stages.base import (
    Rows,
    Stage,
    Work,
    add_rejects,
    extend,
    make_schema,
    make_table,
)
from builder.stages.syntax import add_trees, describe_trees, list_trees_libraries
from builder.statistics.words import hash_texts
from builder.store import REJECTS, Output
from builder.stored import GROUP, Made, Parts, Stored, cut
from dimsum.metrics.overlap import density, find_fragments
from dimsum.metrics.words import split_words
from dimsum.tasks import TaskDefinition
from dimsum.tasks.base import Wording

BEYOND = "more_than_asked_for"
_ROWS = 1 << 14
"""Pairs that are Python objects at a time."""


def list_columns(config: BuildConfig) -> pa.Schema:
    """The released columns and the split."""
    released = config.registry.schema(syntax=config.released_syntax is not None)
    return extend(released, split=pa.string())


ORIGINS = make_schema(id=pa.string(), continuation_id=pa.string(), context_sentences=pa.int32())
"""Of each released row, in the same order: its continuation, and the sentences in its context."""


def make(work: Work) -> Output:
    """Give every pair its control code, its id and its split; order rows by id.

    Of more pairs of a task than `run.pairs` asks for, the first by id are taken. Of each pair only
    a few numbers are kept in memory; rows wait in files of the scratch folder until they are
    ordered, those whose ids are close together in one.
    """
    pairs = Stored(work.paths["near_duplicates"])
    wanted = list_columns(work.config)
    keys = make_keys(pairs.groups(KEYS))
    taken = choose_first_of_each(keys, work.config.run.pairs)
    shares = work.config.splits
    split = np.full(len(taken), -1, np.int8)
    split[taken] = assign(keys.take(taken), shares.validation, shares.test, work.seed)
    lengths = Lengths(Stored(work.paths["contexts"]).groups(["context_id", "sentences"]))
    waiting = extend(wanted, **{name: ORIGINS.field(name).type for name in ORIGINS.names[1:]})
    kept = int(taken.sum())
    with Parts(work.scratch, waiting, -(-kept // GROUP)) as parts:
        for start, rows in _make_released(work, pairs):
            here = split[start : start + len(rows)]
            of = lengths.of([row["context_id"] for row in rows])
            inside = [
                {**row, "split": SPLITS[number], "context_sentences": sentences}
                for row, number, sentences in zip(rows, here.tolist(), of, strict=True)
                if number >= 0
            ]
            add_trees(inside, work.config)
            parts.add(make_table(inside, waiting), keys.ids[start : start + len(rows)][here >= 0])

    def ordered(of: pa.Schema) -> Iterator[pa.Table]:
        for part in parts.read():
            yield part.take(pc.sort_indices(part["id"])).select(of.names).cast(of)

    def beyond() -> Iterator[pa.Table]:
        for start, rows in _make_released(work, pairs):
            here = split[start : start + len(rows)].tolist()
            gone = [row for row, number in zip(rows, here, strict=True) if number < 0]
            yield make_table(
                [{**row, "split": "", "reason": f"{row['task']}.{BEYOND}"} for row in gone],
                refused,
            )

    refused = extend(wanted, reason=pa.string())
    return Output(
        table=Made(wanted, kept, lambda: ordered(wanted)),
        extra={
            REJECTS: Made(
                refused, len(taken) - kept, beyond if kept < len(taken) else _yield_nothing
            ),
            "origins": Made(ORIGINS, kept, lambda: ordered(ORIGINS)),
        },
        entered=len(taken),
        rejected={f"{task}.{BEYOND}": n for task, n in keys.take(~taken).counts().items()},
    )


def _make_released(work: Work, pairs: Stored) -> Iterator[tuple[int, Rows]]:
    """Pairs as released rows, some at a time, with the number of the first."""
    teacher = make_public_name(work.config.teacher.model)
    tasks = {task.name: task for task in work.config.definitions}
    start = 0
    for group in cut(pairs.groups(), _ROWS):
        rows = group.to_pylist()
        yield start, [make_release_row(pair, tasks[pair["task"]], teacher) for pair in rows]
        start += len(rows)


def _yield_nothing() -> Iterator[pa.Table]:
    return iter(())


class Lengths:
    """Sentences in each context, found by a hash of its id."""

    def __init__(self, groups: Iterable[pa.Table]) -> None:
        keys, values = [np.zeros(0, np.uint64)], [np.zeros(0, np.int32)]
        for group in groups:
            keys.append(hash_texts(map(str, group["context_id"].to_pylist())))
            values.append(group["sentences"].to_numpy())
        joined = np.concatenate(keys)
        order = np.argsort(joined)
        self.keys, self.values = joined[order], np.concatenate(values)[order]

    def of(self, contexts: Sequence[str]) -> list[int]:
        """Sentences of some contexts; each must be known."""
        wanted = hash_texts(contexts)
        index = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        if len(wanted) and not (self.keys[index] == wanted).all():
            raise KeyError("a pair is of a context that is not there")
        found: list[int] = self.values[index].tolist()
        return found


def count_sentences(table: pa.Table) -> dict[str, int]:
    """Sentences in each context of a table with the columns `context_id` and `sentences`."""
    rows = table.select(["context_id", "sentences"]).to_pylist()
    return {row["context_id"]: row["sentences"] for row in rows}


def split_origins(rows: Rows, rejects: Rows, wanted: pa.Schema) -> Output:
    """Rows in the order of their ids, and where each comes from."""
    ordered = sorted(rows, key=lambda row: row["id"])
    output = add_rejects(ordered, rejects, wanted, extend(wanted, reason=pa.string()))
    output.extra["origins"] = make_table(ordered, ORIGINS)
    return output


def make_release_row(
    pair: dict[str, Any], task: TaskDefinition, teacher: str, round_number: int = 0
) -> dict[str, Any]:
    """A kept pair as a released row."""
    return {
        **pair,
        "id": make_row_id(pair["task"], pair["source"], pair["target"]),
        "control": find_control(pair, task),
        "round": round_number,
        "teacher": teacher,
    }


def find_control(pair: dict[str, Any], task: TaskDefinition) -> str:
    """The control code of a decided pair."""
    source, target = pair["source"], pair["target"]
    shared = find_fragments(split_words(source), split_words(target))
    wording = Wording(
        source,
        target,
        compression=pair["compression"],
        density_per_character=density(shared, target, per="character"),
        rouge_l=pair["rouge_l"],
    )
    return task.control(wording)


STAGE = Stage(
    name="splits",
    version=4,
    counted="pairs",
    make=make,
    inputs=("near_duplicates", "contexts"),
    settings=lambda c, _: {
        "splits": c.splits.model_dump(mode="json"),
        "teacher": c.teacher.model,
        "tasks": c.task_versions(),
        **({} if c.run.pairs is None else {"pairs": c.run.pairs}),
        **describe_trees(c),
    },
    whole=True,
    further_libraries=list_trees_libraries,
)
