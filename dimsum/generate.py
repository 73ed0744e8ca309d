"""Files of sentences through a student: plain text or JSONL in, the same form out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from dimsum.errors import UsageError
from dimsum.files import json_object, lines_of, whole_file
from dimsum.tasks import TaskDefinition
from dimsum.writing import BATCH_SIZE

if TYPE_CHECKING:
    from dimsum.student import Student

CHUNK = 1024
"""Lines that are sorted by length together; memory and delay of a stream are bounded by it."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to write for each line.

    Attributes:
        options: of the task, such as the length of a summary.
        number: outputs of each sentence; one is greedy, several are sampled.
        column: field of JSONL input that holds the sentence.
        form: plain, jsonl, or auto (JSONL when the first line is a JSON object).
    """

    task: TaskDefinition
    options: Mapping[str, str] = field(default_factory=dict)
    number: int = 1
    column: str = "source"
    form: str = "auto"
    batch_size: int = BATCH_SIZE
    seed: int = 0


def generate_file(
    model: str,
    job: Job,
    source: Path | None,
    output: Path | None,
    *,
    device: str | None = None,
    dtype: Any = "auto",
    say: Callable[[str], None] = lambda line: None,
) -> int:
    """Write for every line of a file or of standard input; returns how many lines there were.

    Raises:
        UsageError: no such file, a line without the field, an unknown control code, no input at
            all, or an output file that is there already.
    """
    from dimsum.student import Student

    if output is not None and output.exists():
        raise UsageError(f"{output} exists", hint="choose another name; nothing is overwritten")
    if source is not None and not source.is_file():
        raise UsageError(f"no file at {source}")
    student = Student.from_pretrained(model, device=device, dtype=dtype)
    say(student.note)
    if not student.spec.trained:
        say(f"{model} is no trained student: its prompts are new to it")
    request = student.spec.request_for(job.task.name, job.options)
    lines = lines_of(source) if source is not None else (x.rstrip("\r\n") for x in sys.stdin)
    with _sink(output) as sink:
        return _run(student, request, job, lines, sink, say)


def _run(
    student: Student,
    request: str,
    job: Job,
    lines: Iterable[str],
    sink: IO[str],
    say: Callable[[str], None],
) -> int:
    total = cut = 0
    began = time.monotonic()
    stream = iter(lines)
    form = job.form
    while chunk := list(islice(stream, CHUNK)):
        if form == "auto":
            form = "jsonl" if chunk[0].lstrip().startswith("{") else "plain"
        rows = list(_rows(chunk, form, job.column, total))
        outputs = student.write(
            [row[job.column] for row in rows],
            request,
            n=job.number,
            seed=job.seed + total,
            batch_size=job.batch_size,
        )
        cut += student.cut
        for row, texts in zip(rows, outputs, strict=True):
            _emit(sink, form, row, texts, request)
        sink.flush()
        total += len(rows)
        say(f"{total:,} sentences, {total / (time.monotonic() - began):.1f}/s")
    if total == 0:
        raise UsageError("there is no sentence to write for")
    if cut:
        say(f"{cut} sources were longer than the student takes and lost their end")
    return total


def _rows(chunk: list[str], form: str, column: str, before: int) -> Iterator[dict[str, Any]]:
    """Input rows; an empty line of plain text is a sentence without words, so lines stay aligned.

    Raises:
        UsageError: a JSONL line without the field, named with what was found.
    """
    for number, line in enumerate(chunk, start=before + 1):
        if form == "plain":
            yield {column: line}
        elif line.strip():
            row = json_object(line, f"line {number}")
            if not isinstance(row.get(column), str):
                raise UsageError(
                    f"line {number} has no text {column!r}",
                    hint=f"it has {', '.join(row) or 'no field'}; name one with --column",
                )
            yield row


def _emit(sink: IO[str], form: str, row: dict[str, Any], texts: list[str], request: str) -> None:
    if form == "plain":
        sink.writelines(text + "\n" for text in texts)
        return
    found = {"output": texts[0]} if len(texts) == 1 else {"outputs": texts}
    sink.write(json.dumps({**row, "request": request, **found}, ensure_ascii=False) + "\n")


@contextmanager
def _sink(output: Path | None) -> Iterator[IO[str]]:
    if output is None:
        yield sys.stdout
        return
    with whole_file(output) as stream:
        yield stream
