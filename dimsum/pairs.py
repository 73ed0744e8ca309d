"""Pairs of source and target out of any table: a folder, a file, or a dataset on the Hub."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

from dimsum.controls import wording_of
from dimsum.errors import DimsumError, UsageError
from dimsum.files import json_lines
from dimsum.prompts import one_line
from dimsum.tasks import TaskDefinition
from dimsum.tasks.registry import SHIPPED

SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "dev": "validation",
    "test": "test",
}
FORMS = (".parquet", ".jsonl", ".jsonl.gz", ".csv")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pair:
    """A training pair; `control` is computed on it, whatever its row says."""

    source: str
    target: str
    task: str
    control: str


@dataclass
class Reading:
    """What was read of a dataset.

    Attributes:
        dropped: rows that gave no pair, by reason.
    """

    rows: int = 0
    pairs: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


def read_rows(reference: str, split: str, config: str | None = None) -> Iterator[Row]:
    """Rows of one split.

    Args:
        reference: a folder of parquet, JSONL or CSV files whose names begin with their split, a
            single such file (all of it is train), or a Hub id with an optional `@revision`.
        split: train, validation or test.
        config: of a Hub dataset.

    Raises:
        UsageError: nothing is there, or it cannot be read.
    """
    path = Path(reference).expanduser()
    if path.exists() or reference.startswith((".", "/", "~")) or reference.endswith(FORMS):
        files = split_files(path)
        return chain.from_iterable(file_rows(file) for file in files.get(split, []))
    return _hub_rows(reference, split, config)


def split_files(path: Path) -> dict[str, list[Path]]:
    """Files of each split.

    Raises:
        UsageError: no such path, or a folder without data files.
    """
    if path.is_file():
        return {"train": [path]}
    if not path.is_dir():
        raise UsageError(f"no dataset at {path}", hint="give a folder, a file or a Hub id")
    found: dict[str, list[Path]] = {}
    for file in sorted(path.rglob("*")):
        inside = file.relative_to(path).parts
        if file.name.endswith(FORMS) and not any(p.startswith((".", "provenance")) for p in inside):
            word = file.name.replace("_", "-").replace(".", "-").partition("-")[0].lower()
            found.setdefault(SPLIT_WORDS.get(word, "train"), []).append(file)
    if not found:
        raise UsageError(f"{path} holds no data", hint="parquet, JSONL or CSV files are looked for")
    return found


def file_rows(file: Path) -> Iterator[Row]:
    """Rows of a parquet, JSONL (plain or gzipped) or CSV file.

    Raises:
        UsageError: it is damaged or of another form.
    """
    import pyarrow as pa
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    if file.name.endswith((".jsonl", ".jsonl.gz")):
        yield from json_lines(file)
        return
    try:
        if file.suffix == ".parquet":
            for batch in pq.ParquetFile(file).iter_batches(batch_size=4096):
                yield from batch.to_pylist()
        elif file.suffix == ".csv":
            options = pa_csv.ParseOptions(newlines_in_values=True)
            yield from pa_csv.read_csv(file, parse_options=options).to_pylist()
        else:
            raise UsageError(
                f"{file} is of no known form", hint="give .jsonl, .jsonl.gz, .parquet or .csv"
            )
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error


def _hub_rows(reference: str, split: str, config: str | None) -> Iterator[Row]:
    from datasets import get_dataset_split_names, load_dataset

    name, _, revision = reference.partition("@")
    try:
        there = get_dataset_split_names(name, config, revision=revision or None)
        if split not in there:
            return
        table = load_dataset(name, config, split=split, revision=revision or None)
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DimsumError(
            f"the dataset {reference} could not be loaded: {first}",
            hint="check its name, config and revision; private ones need `hf auth login`",
        ) from error
    yield from table


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the columns that are read, and the values that rows must have."""

    source: str = "source"
    target: str = "target"
    task: str = "task"
    where: Mapping[str, Any] = field(default_factory=dict)


def pairs_of(
    rows: Iterable[Row],
    columns: Columns,
    name: str,
    reading: Reading | None = None,
    tasks: Sequence[TaskDefinition] = SHIPPED,
) -> Iterator[Pair]:
    """The pairs of rows.

    A target that is a list gives one pair for each of its texts. Where a row does not say its
    task, a pair is of the only task, or of the one whose `unlabelled` holds its compression: of
    those shipped, a target of under 0.8 of its source's characters is a summary, and any other a
    paraphrase.

    Raises:
        UsageError: a column that is not there, named with those that are; or a row's task that is
            none of `tasks`.
    """
    counted = reading or Reading()
    for row in rows:
        if counted.rows == 0:
            check_columns(row, (columns.source, columns.target, *columns.where), name)
        counted.rows += 1
        if any(row.get(key) != value for key, value in columns.where.items()):
            counted.dropped["left_out"] += 1
            continue
        targets = row.get(columns.target)
        for target in targets if isinstance(targets, list) else [targets]:
            pair = _pair(row.get(columns.source), target, row.get(columns.task), name, tasks)
            if pair is None:
                counted.dropped["empty"] += 1
            else:
                counted.pairs += 1
                yield pair


def check_columns(row: Row, wanted: Iterable[str], name: str) -> None:
    """Refuse a table that lacks a column.

    Raises:
        UsageError: with the missing columns and those that were found.
    """
    missing = [column for column in dict.fromkeys(wanted) if column not in row]
    if missing:
        raise UsageError(
            f"{name} has no column {' and no column '.join(map(repr, missing))}; "
            f"found {', '.join(row) or 'none'}",
            hint="name the columns, for instance with --source-column and --target-column",
        )


def _pair(
    source: Any, target: Any, task: Any, name: str, tasks: Sequence[TaskDefinition]
) -> Pair | None:
    if not isinstance(source, str) or not isinstance(target, str):
        return None
    source, target = one_line(source), one_line(target)
    if not source or not target:
        return None
    wording = wording_of(source, target)
    if task is None:
        found = unlabelled_task(wording.compression, tasks)
    else:
        found = next((one for one in tasks if one.name == task), None)
    if found is None:
        which = "a pair that could be of any task" if task is None else f"a task {task!r}"
        raise UsageError(
            f"{name} has {which}",
            hint=f"tasks are {', '.join(one.name for one in tasks)}; others go under `tasks` of "
            "the recipe, and a column of the data says which",
        )
    return Pair(source, target, found.name, found.control(wording))


def unlabelled_task(
    compression: float, tasks: Sequence[TaskDefinition] = SHIPPED
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


def held_out(source: str, share: float) -> bool:
    """Whether a source belongs to the part that is kept from training, by a hash of its text."""
    number = int.from_bytes(sha256(source.encode()).digest()[:8], "big")
    return number < share * 2**64
