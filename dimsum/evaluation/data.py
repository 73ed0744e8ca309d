"""What systems are judged on: sources with one or more references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dimsum.errors import UsageError
from dimsum.files import lines_of
from dimsum.pairs import check_columns, read_rows
from dimsum.prompts import one_line
from dimsum.tasks import TaskDefinition
from dimsum.tasks.base import Benchmark
from dimsum.tasks.registry import SHIPPED


@dataclass(frozen=True, slots=True)
class Example:
    """A source and its references, at least one."""

    source: str
    references: tuple[str, ...]


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

    Raises:
        UsageError: nothing to judge on, a benchmark of another task, missing columns, or a
            reference file of another length.
    """
    if reference_files:
        found = _aligned(Path(data), reference_files)
    else:
        named = task.benchmarks.get(data)
        other = next((one.name for one in SHIPPED if data in one.benchmarks), None)
        if named is None and other is not None:
            raise UsageError(f"{data} is a benchmark of the task {other}, not {task.name}")
        wanted = Benchmark(
            reference=named.reference if named else data,
            source=source or (named.source if named else ""),
            references=references or (named.references if named else ""),
            split=split or (named.split if named else ""),
            config=config or (named.config if named else None),
            where=where or (named.where if named else {}),
        )
        found = _from_rows(wanted, task)
    if not found:
        raise UsageError(f"{data} holds nothing to judge on", hint="it may be empty")
    return found[:limit] if limit else found


def _aligned(path: Path, reference_files: Sequence[Path]) -> list[Example]:
    sources = list(lines_of(path))
    columns = [list(lines_of(file)) for file in reference_files]
    for file, column in zip(reference_files, columns, strict=True):
        if len(column) != len(sources):
            raise UsageError(
                f"{file} has {len(column)} lines, {path} has {len(sources)}",
                hint="a reference file has one line for each source",
            )
    return [
        Example(one_line(s), tuple(one_line(r) for r in refs if r.strip()))
        for s, *refs in zip(sources, *columns, strict=True)
        if s.strip() and any(r.strip() for r in refs)
    ]


def _from_rows(wanted: Benchmark, task: TaskDefinition) -> list[Example]:
    file = Path(wanted.reference).expanduser().is_file()
    split = "train" if file else (wanted.split or "test")
    source, references = wanted.source, wanted.references
    found = []
    for index, row in enumerate(read_rows(wanted.reference, split, wanted.config)):
        if index == 0:
            source = source or _guess(row, GUESSES["source"])
            references = references or _guess(row, (*GUESSES["references"], *task.columns))
            heads = [name.partition(".")[0] for name in (source, references)]
            check_columns(row, [*heads, *wanted.where], wanted.reference)
        if any(row.get(key) != value for key, value in wanted.where.items()):
            continue
        said, known = _field(row, source), _field(row, references)
        texts = known if isinstance(known, list) else [known]
        refs = tuple(one_line(t) for t in texts if isinstance(t, str) and t.strip())
        if isinstance(said, list):  # an abstract in sentences
            said = " ".join(said)
        if isinstance(said, str) and said.strip() and refs:
            found.append(Example(one_line(said), refs))
    return found


def _guess(row: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((name for name in names if name in row), names[0])


def _field(row: Mapping[str, Any], name: str) -> Any:
    """A column; `set.0` is the first item of the list in the column `set`."""
    head, _, place = name.partition(".")
    value = row.get(head)
    if place and isinstance(value, list):
        return value[int(place)] if int(place) < len(value) else None
    return value
