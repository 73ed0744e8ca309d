"""Pairs of source and target out of any table: a folder, a file, or a dataset on the Hub."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from dimsum.controls import make_wording
from dimsum.data.dataset import read_rows
from dimsum.data.values import Reading, check_columns, is_blank
from dimsum.errors import UsageError
from dimsum.metrics.overlap import compression
from dimsum.prompts import join_lines
from dimsum.tasks import TaskDefinition
from dimsum.tasks.registry import DEFAULT


@dataclass(frozen=True, slots=True)
class Pair:
    """A training pair; `control` is computed on it, whatever its row says.

    Attributes:
        syntax: the target's tree, as its row has it or as a prompt is to show it.
        weight: how much it counts in a training; only its ratio to others' has a meaning.
    """

    source: str
    target: str
    task: str
    control: str
    syntax: str = ""
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the columns that are read, and the values that rows must have.

    Attributes:
        syntax: of the target's tree; empty: none is read.
        weight: of how much a pair counts; empty: all count alike.
    """

    source: str = "source"
    target: str = "target"
    task: str = "task"
    where: Mapping[str, Any] = field(default_factory=dict)
    syntax: str = ""
    weight: str = ""


@dataclass(frozen=True)
class Data:
    """Where the pairs are: see `dimsum.data.dataset.read_rows`."""

    reference: str
    columns: Columns = field(default_factory=Columns)
    config: str | None = None


def read_pairs(
    rows: Iterable[Mapping[str, Any]],
    columns: Columns,
    name: str,
    reading: Reading | None = None,
    tasks: Sequence[TaskDefinition] = DEFAULT,
) -> Iterator[Pair]:
    """The pairs of rows.

    A target that is a list gives one pair for each of its texts. Where a row does not say its
    task, a pair is of the only task, or of the one whose `unlabelled` holds its compression: of
    those shipped, a target of under 0.8 of its source's characters is a summary, and any other a
    paraphrase.

    Raises:
        UsageError: a column that is not there, named with those that are; a row's task that is none
            of `tasks`; or a weight that is no number of at least 0.
    """
    counted = reading if reading is not None else Reading()
    for source, target, row, position in _read_texts(rows, columns, name, counted):
        wording = make_wording(source, target)
        task = _find_task(row.get(columns.task), wording.compression, position, tasks)
        alone = not isinstance(row.get(columns.target), list)
        tree = str(row.get(columns.syntax) or "") if alone else ""
        weight = _read_weight(row, columns.weight, position)
        yield Pair(source, target, task.name, task.control(wording), tree, weight)


def _read_texts(
    rows: Iterable[Mapping[str, Any]], columns: Columns, name: str, counted: Reading
) -> Iterator[tuple[str, str, Mapping[str, Any], str]]:
    """Source, target and row of each pair, and where it stands."""
    for row in rows:
        if counted.rows == 0:
            wanted = (columns.source, columns.target, *columns.where)
            wanted += (columns.weight,) if columns.weight else ()
            options = "--source-column and --target-column"
            if columns.where:
                options = "--source-column, --target-column and --where"
            check_columns(row, wanted, name, options)
        position = counted.read(row)
        if not counted.meets(row, columns.where, position):
            continue
        source = counted.text(row, columns.source, position)
        if source is None:
            continue
        for text in counted.texts(row, columns.target, position):
            if is_blank(source) or is_blank(text):
                counted.drop("empty", position)
            else:
                yield join_lines(source), join_lines(text), row, f"{name}, {position}"


def check_data(
    reference: str,
    columns: Columns,
    config: str | None = None,
    tasks: Sequence[TaskDefinition] = DEFAULT,
) -> None:
    """Read all training rows once, so that what cannot be used is refused before a model works.

    Raises:
        UsageError: as `read_rows` and `read_pairs`; or there is no pair.
    """
    reading = Reading()
    rows = read_rows(reference, "train", config, reading)
    found = False
    for source, target, row, position in _read_texts(rows, columns, reference, reading):
        _find_task(row.get(columns.task), compression(source, target), position, tasks)
        _read_weight(row, columns.weight, position)
        found = True
    if not found:
        raise reading.nothing(reference, "training pair", columns.where)


def _find_task(
    said: Any, share: float, position: str, tasks: Sequence[TaskDefinition]
) -> TaskDefinition:
    """The task that a row says, or where it says none the one of its compression."""
    if said is None:
        found = infer_task(share, tasks)
    else:
        found = next((one for one in tasks if one.name == said), None)
    if found is None:
        which = "a pair that could be of any task" if said is None else f"a task {said!r}"
        raise UsageError(
            f"{position}, has {which}",
            hint=f"tasks are {', '.join(one.name for one in tasks)}; others go under `tasks` of "
            "the recipe, and a column of the data says which",
        )
    return found


def _read_weight(row: Mapping[str, Any], column: str, position: str) -> float:
    """How much a pair counts by its row; 1 where no column says it."""
    if not column:
        return 1.0
    value = row.get(column)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise UsageError(
            f"{position}, has the weight {value!r} in {column!r}",
            hint="a weight is a number of at least 0",
        )
    return float(value)


def infer_task(
    compression: float, tasks: Sequence[TaskDefinition] = DEFAULT
) -> TaskDefinition | None:
    """The task of a pair that does not say it: the only one, or the one that takes its compression.

    Args:
        compression: characters of the target over characters of the source.
    """
    if len(tasks) == 1:
        return tasks[0]
    for one in tasks:
        if one.unlabelled and one.unlabelled[0] <= compression < one.unlabelled[1]:
            return one
    return None


def is_held_out(source: str, share: float) -> bool:
    """Whether a source belongs to the part that is kept from training, by a hash of its text."""
    number = int.from_bytes(sha256(source.encode()).digest()[:8], "big")
    return number < share * 2**64
