"""One evaluation from what is asked for to its document: write, then measure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dimsum.data.files import find_form, parse_json_rows, read_file_rows, read_lines
from dimsum.data.values import Row, check_columns, explain_not_text
from dimsum.errors import UsageError
from dimsum.evaluation.baselines import write_baseline
from dimsum.evaluation.data import Example
from dimsum.evaluation.evaluate import System, evaluate
from dimsum.evaluation.measure import Critic
from dimsum.evaluation.saved_outputs import read_outputs, save_outputs
from dimsum.evaluation.teacher_writer import TeacherWriter
from dimsum.evaluation.wanted import Wanted
from dimsum.evaluation.writer import Open, Writer
from dimsum.models import make_public_name
from dimsum.rerank import Judge

if TYPE_CHECKING:
    from dimsum.metrics.bertscore import BertScore
    from dimsum.student import DType, Student


MEANINGS = {
    "copy": "the source itself",
    "lead": "the source's first words, as many as the references have on average",
    "random": "the reference of another example",
}


def evaluate_systems(
    wanted: Wanted,
    data: str,
    examples: Sequence[Example],
    critic: Critic | None,
    folder: Path | None,
    say: Callable[[str], None],
    *,
    aside: Sequence[Example] = (),
    judge: Judge | None = None,
    open_student: Open | None = None,
) -> dict[str, Any]:
    """Write with every system, measure them all, and keep their outputs in `folder`.

    Args:
        aside: other examples, that the teacher's prompts are chosen on.
        judge: chooses among the samples where `wanted.rerank` asks for some.
        open_student: opens students and teacher; `Student.from_pretrained` if None.

    Raises:
        UsageError: outputs of another length than the data, a code that a student lacks, or
            outputs to reuse that are for other examples.
    """
    known = read_outputs(wanted.reuse, examples) if wanted.reuse else []
    scorer = _load_bertscore(wanted)
    open_student = open_student or _open
    teachers, chosen = [], []
    if wanted.teacher:
        teacher = TeacherWriter(
            wanted, wanted.teacher, examples, aside, scorer, known, say, open_student
        )
        teachers = teacher.prompted()
        chosen = [*teacher.without_copies(teachers), *teacher.best(teachers, judge)]
    systems: list[System] = []
    matched: list[System] = []
    writers = [
        Writer(wanted, index, model, examples, known, say, open_student)
        for index, model in enumerate(wanted.models)
    ]
    students = (writer.name for writer in writers[1:])
    others = (*students, *(one.name for one in (*teachers, *chosen)), *wanted.baselines)
    for index, writer in enumerate(writers):
        systems.append(writer.as_asked())
        if index == 0:
            written = [*writer.without_copies(), *writer.beams(), *writer.best(judge)]
            systems += [replace(one, against=others) for one in written]
            matched = writer.matched(teachers)
    systems += [_read_system(text, examples) for text in wanted.outputs]
    systems += [*teachers, *chosen, *matched]
    systems += [
        System(name, write_baseline(name, examples), {"baseline": MEANINGS[name]})
        for name in wanted.baselines
    ]
    names = [system.name for system in systems]
    if len(set(names)) != len(names):
        raise UsageError("two systems have the same name", hint="give each its own with --name")
    document = evaluate(systems, examples, bertscore=scorer, critic=critic, say=say)
    if folder is not None:
        save_outputs(folder, systems, examples)
    controls = {system.name: dict(system.control) for system in systems if system.control}
    return {
        "task": wanted.task.name,
        "data": make_public_name(data),
        **document,
        "control": controls,
    }


def _load_bertscore(wanted: Wanted) -> BertScore | None:
    if wanted.bertscore is None:
        return None
    from dimsum.metrics.bertscore import BertScore

    return BertScore(wanted.bertscore)


def _open(model: str, /, *, device: str | None, dtype: DType) -> Student:
    from dimsum.student import Student

    return Student.from_pretrained(model, device=device, dtype=dtype)


def _read_system(text: str, examples: Sequence[Example]) -> System:
    name, _, file = text.partition("=")
    lines = _read_outputs(Path(file))
    if len(lines) != len(examples):
        raise UsageError(
            f"{file} has {len(lines)} outputs, the data has {len(examples)} sources",
            hint="outputs have one line for each source, in the same order",
        )
    return System(name, lines, {"file": Path(file).name})


def _read_outputs(path: Path) -> list[str]:
    """An output a line of plain text, or a row of a table with the column `output`.

    Raises:
        UsageError: a table without that column, or an output that is neither text nor null,
            which stands for a row without a text.
    """
    if find_form(path) in (None, "txt"):
        lines = list(read_lines(path))
        if not (lines and lines[0].lstrip().startswith("{")):
            return lines
        rows: Iterable[Row] = parse_json_rows(lines, str(path))
    else:
        rows = read_file_rows(path)
    found: list[str] = []
    for row in rows:
        if not found:
            check_columns(row, ("output",), str(path), "")
        value = row.get("output")
        reason = explain_not_text(value)
        if reason and reason != "null":
            raise UsageError(
                f"{path}, {row.position}, column 'output', is no text: {reason}",
                hint="each row of a file of outputs has a text there",
            )
        found.append("" if value is None else str(value))
    return found
