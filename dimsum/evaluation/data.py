"""What systems are judged on: sources with one or more references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dimsum.data.dataset import read_rows
from dimsum.data.files import read_lines
from dimsum.data.values import Reading, Row, check_columns, explain_not_text, is_blank
from dimsum.errors import UsageError
from dimsum.prompts import join_lines
from dimsum.tasks import TaskDefinition
from dimsum.tasks.base import Benchmark
from dimsum.tasks.registry import SHIPPED


@dataclass(frozen=True, slots=True)
class Example:
    """A source and its references, at least one."""

    source: str
    references: tuple[str, ...]


LEAST_JUDGED = 2
"""Examples of which an interval can be drawn."""

OPTIONS = "--source-column and --references-column"

GUESSES = {
    "source": ("source", "s1", "sentence1", "document", "text"),
    "references": ("refs", "references", "target", "s2", "sentence2"),
}
"""Columns looked for, in this order and before the task's own, where none is named."""


def read_examples(
    data: str,
    task: TaskDefinition,
    *,
    source: str | None = None,
    references: str | None = None,
    where: Mapping[str, Any] | None = None,
    split: str | None = None,
    config: str | None = None,
    reference_files: Sequence[Path] = (),
    limit: int | None = None,
    reading: Reading | None = None,
) -> list[Example]:
    """Examples of a benchmark's name, a file, a folder or a Hub data set.

    Args:
        source: column; None takes the first of the usual names that is there.
        references: column of a text or of a list of texts; None as above.
        where: values that rows must have.
        split: train, validation or test; of a file there is only one.
        reference_files: plain text, one reference a line, instead of a column; `data` is then a
            plain text file of sources.
        limit: the first so many.
        reading: where rows and those that were dropped are counted.

    Raises:
        UsageError: nothing to judge on, a benchmark of another task, missing columns, or a
            reference file of another length.
    """
    counted = reading if reading is not None else Reading()
    conditions = dict(where or {})
    if reference_files:
        found = _align(Path(data), reference_files, counted)
    else:
        named = task.benchmarks.get(data)
        other = next((one.name for one in SHIPPED if data in one.benchmarks), None)
        if named is None and other is not None:
            raise UsageError(
                f"{data} is a benchmark of the task {other}, not {task.name}",
                hint=f"give --task {other}",
            )
        wanted = Benchmark(
            reference=named.reference if named else data,
            source=source or (named.source if named else ""),
            references=references or (named.references if named else ""),
            split=split or (named.split if named else ""),
            config=config or (named.config if named else None),
            where=where or (named.where if named else {}),
        )
        conditions = dict(wanted.where)
        found = _make_examples(wanted, task, counted)
    if not found:
        hint = "say which is judged, with --split" if counted.other_splits else ""
        raise counted.nothing(data, "source to judge on", conditions, hint)
    return found[:limit] if limit else found


def set_aside(
    examples: Sequence[Example], most: int | None, sample: int
) -> tuple[list[Example], list[Example]]:
    """The examples that are judged, and others that a teacher's prompt is chosen on.

    Args:
        most: examples to judge at most; None for all that are left.
        sample: examples to choose on: those after the judged ones.

    Raises:
        UsageError: too few examples for both.
    """
    judged = len(examples) - sample if most is None else min(most, len(examples) - sample)
    if sample and judged < LEAST_JUDGED:
        raise UsageError(
            f"{len(examples)} sources are too few to choose a teacher's prompt on {sample} of them "
            "and to judge on others",
            hint="a smaller --teacher-sample",
        )
    return list(examples[:judged]), list(examples[judged : judged + sample])


def _align(path: Path, reference_files: Sequence[Path], reading: Reading) -> list[Example]:
    sources = list(read_lines(path))
    columns = [list(read_lines(file)) for file in reference_files]
    for file, column in zip(reference_files, columns, strict=True):
        if len(column) != len(sources):
            raise UsageError(
                f"{file} has {len(column)} lines, {path} has {len(sources)}",
                hint="a reference file has one line for each source",
            )
    rows = (
        Row({"source": source, "refs": list(refs)}, f"line {number}")
        for number, (source, *refs) in enumerate(zip(sources, *columns, strict=True), start=1)
    )
    return [one for row in rows if (one := _make_example(row, "source", "refs", reading))]


def _make_examples(wanted: Benchmark, task: TaskDefinition, reading: Reading) -> list[Example]:
    file = Path(wanted.reference).expanduser().is_file()
    split = None if file else (wanted.split or "test")
    source, references = wanted.source, wanted.references
    found = []
    for row in read_rows(wanted.reference, split, wanted.config, reading):
        if reading.rows == 0:
            source = source or _guess(row, GUESSES["source"], "source")
            names = (*GUESSES["references"], *task.columns)
            references = references or _guess(row, names, "target")
            heads = [name.partition(".")[0] for name in (source, references)]
            check_columns(row, [*heads, *wanted.where], wanted.reference, OPTIONS)
        example = _make_example(row, source, references, reading, wanted.where)
        if example is not None:
            found.append(example)
    return found


def _make_example(
    row: Row,
    source: str,
    references: str,
    reading: Reading,
    where: Mapping[str, Any] | None = None,
) -> Example | None:
    """A row's example; None, counted by its reason, without a source or without any reference.

    Of a row that has some, each further one that is no text is counted too.
    """
    position = reading.read(row)
    if where and not reading.meets(row, where, position):
        return None
    said = _read_field(row, source)
    if isinstance(said, list) and all(isinstance(one, str) for one in said):
        said = " ".join(said)  # an abstract in sentences
    text = reading.text({source: said}, source, position)
    if text is None:
        return None
    known = _read_field(row, references)
    texts = known if isinstance(known, list) else [known]
    refs = tuple(join_lines(t) for t in texts if explain_not_text(t) is None and not is_blank(t))
    if is_blank(text):
        reading.drop("empty", f"{position}, column {source!r}")
        return None
    faults = [
        explain_not_text(one) or "empty" for one in texts if explain_not_text(one) or is_blank(one)
    ]
    for why in faults if refs else faults[:1] or ["empty"]:
        reading.drop(why, f"{position}, column {references!r}")
    return Example(join_lines(text), refs) if refs else None


def _guess(row: Mapping[str, Any], names: Sequence[str], usual: str) -> str:
    return next((name for name in names if name in row), usual)


def _read_field(row: Mapping[str, Any], name: str) -> Any:
    """A column; `set.0` is the first item of the list in the column `set`."""
    head, _, index = name.partition(".")
    value = row.get(head)
    if index and isinstance(value, list):
        return value[int(index)] if int(index) < len(value) else None
    return value
