"""Files of sentences through a student: an output for every row, in the order of the rows.

Plain text gives plain text, one line for each output; every table (JSONL, JSON, CSV, TSV, parquet)
gives JSON lines. An empty text has an empty output. A row without a text in its column keeps its
place: its output is null, and `dropped` says why.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from dimsum.data.files import decode_lines, find_form, parse_json_row, read_file_rows, read_lines
from dimsum.data.values import Reading, Row, check_columns, explain_not_text, format_value
from dimsum.errors import UsageError
from dimsum.files import to_json, try_file
from dimsum.hub import find_models, pin
from dimsum.models import resolve
from dimsum.rerank import Judge, best_of, likeliest_obeying, write_without_copies
from dimsum.syntax.control import Refusal, find_trees
from dimsum.tasks import TaskDefinition
from dimsum.unfinished import Growing, Mark, grow_file
from dimsum.writing import BATCH_SIZE, VALIDITY

if TYPE_CHECKING:
    from dimsum.student import Student

CHUNK = 256
"""Lines that are sorted by length together; memory, the delay of a stream and what an interruption
costs are bounded by it."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to write for each line.

    Attributes:
        options: of the task, such as the length of a summary.
        number: outputs of each sentence; one is greedy, several are sampled.
        rerank: samples of each sentence of which the best is the output; 0: none.
        beams: of a search for each sentence, of which the likeliest text that obeys the code is the
            output, or which the best is chosen from too; None: none.
        referee: what judges them, as the user names it.
        by: what it values in them, as the user names it.
        syntax: exemplar or tree that every output is to be like; empty: none.
        syntax_column: of a table, the one that holds an exemplar or a tree for each sentence; a row
            without one asks for none.
        column: of a table, the one that holds the sentence.
        copies: whether an output may be its sentence; else the likeliest other beam is taken.
        form: plain, jsonl, or auto: by the file's ending, else JSONL when the first line that is
            not blank is a JSON object.
    """

    task: TaskDefinition
    options: Mapping[str, str] = field(default_factory=dict)
    number: int = 1
    rerank: int = 0
    beams: int | None = None
    referee: str = ""
    by: str = VALIDITY
    syntax: str = ""
    syntax_column: str = ""
    column: str = "source"
    copies: bool = True
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
    open_judge: Callable[[], Judge] | None = None,
) -> int:
    """Write for every line of a file or of standard input; returns how many lines there were.

    Args:
        open_judge: opens what chooses among the samples that `job.rerank` asks for.

    Raises:
        UsageError: a file that cannot be read or lacks the column, an unknown control code, or an
            output file that is there already.
    """
    from dimsum.student import Student

    if job.rerank and (open_judge is None or job.number > 1):
        raise UsageError(
            "the best of several samples is one output, chosen by a critic",
            hint="leave -n out, or the samples to choose from",
        )
    if not job.copies and (job.rerank or job.beams or job.number > 1):
        raise UsageError(
            "only the greedy output is searched again where it is a copy",
            hint="leave --no-copies out; --rerank and --beams take a copy only where all are",
        )
    if job.by != VALIDITY and not job.rerank:
        raise UsageError(
            "there is no choice among samples that could go by anything",
            hint="give --rerank a number",
        )
    if job.beams and job.number > 1:
        raise UsageError(
            "of a beam search one output stays, chosen by its control code",
            hint="leave --beams or -n out",
        )
    if job.syntax and job.syntax_column:
        raise UsageError(
            "either one exemplar for all sentences or a column of them is taken",
            hint="leave --syntax or --syntax-column out",
        )
    if output is not None and output.exists():
        raise UsageError(f"{output} exists", hint="choose another name; nothing is overwritten")
    if output is not None:
        try_file(output)
    if output is not None and find_form(output) in ("csv", "tsv", "parquet", "json"):
        raise UsageError(
            f"{output} would not hold what its name says",
            hint="outputs are JSON lines (.jsonl) or plain text (.txt)",
        )
    form, rows = _read(source, job)
    if source is not None:
        for _ in rows:  # a file that cannot be read is refused before any model works
            pass
        form, rows = _read(source, job)
    find_models(model, job.referee)
    judge = open_judge() if job.rerank and open_judge else None
    student = Student.from_pretrained(model, device=device, dtype=dtype)
    say(student.note)
    if not student.spec.trained:
        say(f"{model} is no trained student: its prompts are new to it")
    code = student.spec.code_for(job.task.name, job.options)
    _check_syntax(student, job)
    if output is None:
        return _run(student, code, job, form, rows, Growing(sys.stdout, Mark(""), None), say, judge)
    asked = [version("dimsum-plus"), pin(resolve(model)).identity, code, form, job.number]
    asked += [job.column, job.batch_size, job.seed, str(student.model.dtype)]
    asked += [job.rerank, job.referee, job.by] if job.rerank else []
    asked += ["beams", job.beams] if job.beams else []
    asked += [] if job.copies else ["no copies"]
    asked += ["syntax", job.syntax, job.syntax_column] if job.syntax or job.syntax_column else []
    digest = sha256(json.dumps([*asked, student.model.device.type]).encode()).hexdigest()
    with grow_file(output, digest, say) as growth:
        return _run(student, code, job, form, rows, growth, say, judge)


def _check_syntax(student: Student, job: Job) -> None:
    """Refuse before any row is read what no row could be written with.

    Raises:
        UsageError: the student knows no trees, or the one syntax for all is none of its parser.
    """
    if job.syntax or job.syntax_column:
        control = student.spec.prompts.known_syntax()
        (found,) = find_trees(control, [""], [job.syntax])
        if isinstance(found, Refusal):
            raise found.error


def _read(source: Path | None, job: Job) -> tuple[str, Iterator[Row]]:
    """The form of the output (plain or jsonl) and the rows of a file or of standard input.

    Raises:
        UsageError: no such file; on the way, whatever `dimsum.data` refuses.
    """
    name = str(source) if source is not None else "the input"
    kind = find_form(source) if source is not None and job.form == "auto" else None
    if source is not None and kind not in (None, "txt", "jsonl"):
        return "jsonl", _check(read_file_rows(source), job, name)
    lines = read_lines(source) if source is not None else _read_standard_input()
    before: list[str] = []
    form = "jsonl" if kind == "jsonl" else "plain" if kind == "txt" else job.form
    while form == "auto":
        line = next(lines, None)
        before += [] if line is None else [line]
        if line is None or line.strip():
            form = "jsonl" if line is not None and line.lstrip().startswith("{") else "plain"
    numbered = enumerate(chain(before, lines), start=1)
    if form == "plain":
        return form, (Row({job.column: line}, f"line {number}") for number, line in numbered)
    rows = (parse_json_row(line, name, number) for number, line in numbered if line.strip())
    return form, _check(rows, job, name)


def _read_standard_input() -> Iterator[str]:
    binary = getattr(sys.stdin, "buffer", None)
    if binary is None:
        return (line.rstrip("\r\n") for line in sys.stdin)
    return decode_lines(binary, "the input")


def _check(rows: Iterator[Row], job: Job, name: str) -> Iterator[Row]:
    for number, row in enumerate(rows):
        if number == 0:
            check_columns(row, (job.column,), name, "--column")
            if job.syntax_column:
                check_columns(row, (job.syntax_column,), name, "--syntax-column")
        yield row


def _run(
    student: Student,
    code: str,
    job: Job,
    form: str,
    rows: Iterator[Row],
    growth: Growing,
    say: Callable[[str], None],
    judge: Judge | None,
) -> int:
    reading, total = Reading(), sha256()
    done, cut = growth.mark.rows, growth.mark.cut
    began = time.monotonic()
    for chunk in _split_chunks(rows, done):
        positions = [reading.read(row) for row in chunk]
        texts = [
            reading.text(row, job.column, at) for row, at in zip(chunk, positions, strict=True)
        ]
        trees = _find_trees(student, job, chunk, texts, positions, reading)
        for row in chunk:
            total.update(json.dumps(row, default=_as_text).encode())
        if reading.rows <= done:
            if reading.rows == done and total.hexdigest() != growth.mark.input:
                raise _make_input_error()
            continue
        seed = job.seed + reading.rows - len(chunk)
        left = [None if isinstance(tree, str) else tree.reason for tree in trees]
        kept = [text if why is None else None for text, why in zip(texts, left, strict=True)]
        shown = [tree if isinstance(tree, str) else "" for tree in trees] if any(trees) else None
        outputs = _write(student, code, job, kept, shown, seed, judge)
        cut += student.cut
        for row, found, why in zip(chunk, outputs, left, strict=True):
            _emit(growth.stream, form, job, row, found, code, why)
        growth.note(reading.rows, total.hexdigest(), cut)
        rate = (reading.rows - done) / (time.monotonic() - began)
        say(f"{reading.rows:,} sentences, {rate:.1f}/s")
    if reading.rows < done:
        raise _make_input_error()
    if reading.dropped:
        say(f"rows without an output: {reading}")
    if cut:
        say(f"{cut} sources were longer than the student takes and lost their end")
    return reading.rows


def _find_trees(
    student: Student,
    job: Job,
    chunk: list[Row],
    texts: list[str | None],
    positions: list[str],
    reading: Reading,
) -> list[str | Refusal]:
    """The tree of each row of a chunk, empty where none is asked for; what cannot be is counted."""
    if not (job.syntax or job.syntax_column):
        return [""] * len(chunk)
    asked: list[str | None] = [job.syntax] * len(chunk)
    reasons: dict[int, str] = {}
    if job.syntax_column:
        for number, row in enumerate(chunk):
            value = row.get(job.syntax_column)
            reason = None if value is None else explain_not_text(value)
            asked[number] = None if reason else value
            if reason:
                reasons[number] = reason
    sources = [text or "" for text in texts]
    found = find_trees(student.spec.prompts.known_syntax(), sources, asked)
    for number, reason in reasons.items():
        error = UsageError(f"the syntax is a {reason}", hint="give a sentence or a tree")
        found[number] = Refusal(reason, error)
    for number, tree in enumerate(found):
        if isinstance(tree, Refusal) and texts[number] is not None:
            reading.drop(tree.reason, positions[number])
    return found


def _write(
    student: Student,
    code: str,
    job: Job,
    texts: list[str | None],
    trees: list[str] | None,
    seed: int,
    judge: Judge | None,
) -> list[list[str]]:
    """The outputs of a chunk."""
    sources = [text or "" for text in texts]
    if job.beams and judge is None:
        found = likeliest_obeying(
            student, sources, job.task, code, job.beams, batch_size=job.batch_size, trees=trees
        )
        return [[text] for text in found]
    if not job.copies:
        found = write_without_copies(student, sources, code, batch_size=job.batch_size, trees=trees)
        return [[text] for text in found]
    if judge is None:
        return student.write(
            sources, code, n=job.number, seed=seed, batch_size=job.batch_size, trees=trees
        )
    best = best_of(
        student,
        sources,
        job.task,
        code,
        job.rerank,
        judge,
        beams=job.beams,
        seed=seed,
        batch_size=job.batch_size,
        trees=trees,
    )
    return [[text] for text in best]


def _make_input_error() -> UsageError:
    return UsageError(
        "what was begun of this output is of other rows than the input has now",
        hint="go on with the input that it was begun with, or choose another name",
    )


def _split_chunks(rows: Iterator[Row], done: int) -> Iterator[list[Row]]:
    """Rows that are written together; those that are done already end a chunk.

    What was read before a row that cannot be read is a chunk, and then the error comes.
    """
    number, chunk = 0, list[Row]()
    while True:
        try:
            row = next(rows, None)
        except UsageError:
            if chunk:
                yield chunk
            raise
        if row is not None:
            chunk.append(row)
            number += 1
        if chunk and (row is None or len(chunk) == CHUNK or number == done):
            yield chunk
            chunk = []
        if row is None:
            return


def _emit(
    sink: IO[str], form: str, job: Job, row: Row, texts: list[str], code: str, left: str | None
) -> None:
    """Write a row's outputs; `left` says why it has none, besides what its text says."""
    if form == "plain":
        sink.writelines(text + "\n" for text in texts)
        return
    reason = explain_not_text(row.get(job.column)) or left
    name = "output" if len(texts) == 1 else "outputs"
    found = {name: None if reason else texts[0] if len(texts) == 1 else texts}
    if reason:
        found["dropped"] = reason
    value = {**row, "control": code, **found}
    line = to_json(value, default=_as_text)
    if explain_not_text(line):  # half a surrogate pair cannot be written as UTF-8
        line = json.dumps(json.loads(line))
    sink.write(line + "\n")


def _as_text(value: Any) -> str:
    """A value that JSON has no form for, in a field that is only passed on."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else format_value(value)
