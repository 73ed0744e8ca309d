"""One evaluation from what is asked for to its document: write, then measure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dimsum.data.files import form_of, json_rows, lines_in, rows_in
from dimsum.data.values import Row, check_columns, not_text
from dimsum.errors import UsageError
from dimsum.evaluation import teacher as asking
from dimsum.evaluation.baselines import baseline
from dimsum.evaluation.data import Example
from dimsum.evaluation.evaluate import System, evaluate
from dimsum.evaluation.measure import Critic
from dimsum.evaluation.saved_outputs import find_same, read_outputs, save_outputs
from dimsum.evaluation.wanted import Wanted
from dimsum.evaluation.writer import Open, Writer, describe_inputs
from dimsum.models import public_name
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
    scorer = _bertscore(wanted)
    open_student = open_student or _open
    teachers = _teacher(wanted, wanted.teacher, examples, aside, scorer, known, say, open_student)
    systems: list[System] = []
    matched: list[System] = []
    writers = [
        Writer(wanted, index, model, examples, known, say, open_student)
        for index, model in enumerate(wanted.models)
    ]
    students = (writer.name for writer in writers[1:])
    others = (*students, *(system.name for system in teachers), *wanted.baselines)
    for index, writer in enumerate(writers):
        systems.append(writer.as_asked())
        if index == 0:
            written = [*writer.beams(), *writer.best(judge)]
            systems += [replace(one, against=others) for one in written]
            matched = writer.matched(teachers)
    systems += [_from_file(text, examples) for text in wanted.outputs]
    systems += [*teachers, *matched]
    systems += [
        System(name, baseline(name, examples), {"baseline": MEANINGS[name]})
        for name in wanted.baselines
    ]
    names = [system.name for system in systems]
    if len(set(names)) != len(names):
        raise UsageError("two systems have the same name", hint="give each its own with --name")
    document = evaluate(systems, examples, bertscore=scorer, critic=critic, say=say)
    if folder is not None:
        save_outputs(folder, systems, examples)
    controls = {system.name: dict(system.control) for system in systems if system.control}
    return {"task": wanted.task.name, "data": public_name(data), **document, "control": controls}


def _bertscore(wanted: Wanted) -> BertScore | None:
    if wanted.bertscore is None:
        return None
    from dimsum.metrics.bertscore import BertScore

    return BertScore(wanted.bertscore)


def _open(model: str, /, *, device: str | None, dtype: DType) -> Student:
    from dimsum.student import Student

    return Student.from_pretrained(model, device=device, dtype=dtype)


def _teacher(
    wanted: Wanted,
    model: str | None,
    examples: Sequence[Example],
    aside: Sequence[Example],
    scorer: BertScore | None,
    known: Sequence[System],
    say: Callable[[str], None],
    open_student: Open,
) -> list[System]:
    """The best zero-shot and the best few-shot prompt, chosen on the examples set aside."""
    if model is None:
        return []
    asked = describe_inputs(
        wanted, model, chosen_on=[one.source for one in aside], judge=wanted.bertscore
    )
    kinds = {
        "teacher zero-shot": {**asked, "shots": 0},
        "teacher few-shot": {**asked, "shots": asking.SHOTS},
    }
    again = [one for label, kind in kinds.items() if (one := find_same(known, label, kind))]
    if len(again) == len(kinds):
        say("the teacher: its outputs are reused")
        return again
    teacher = open_student(model, device=wanted.device, dtype=wanted.dtype)
    sources = [example.source for example in examples]
    prompts = wanted.task.teacher
    assert prompts is not None
    name, score = _choice(prompts.chosen_by, aside, scorer)
    found = []
    for label, kind in kinds.items():
        shots = kind["shots"]
        chosen, tried = asking.best(
            teacher,
            prompts,
            [one.source for one in aside],
            shots=shots,
            score=score,
            say=say,
        )
        outputs = asking.answers(teacher, prompts, chosen, sources, wanted.batch_size)
        facts = {
            "model": public_name(model),
            "prompt": chosen.name,
            "text": asking.prompt(teacher, prompts, chosen, "{source}"),
            "chosen_by": f"{name} on {len(aside)} other examples",
            "tried": tried,
        }
        found.append(System(label, outputs, facts, asked=kind))
    return found


def _choice(
    chosen_by: str, examples: Sequence[Example], scorer: BertScore | None
) -> tuple[str, Callable[[Sequence[str]], float]]:
    """The metric that chooses the teacher's prompt: BERT-iBLEU, iBLEU without it, or ROUGE-L."""
    from dimsum.metrics.bleu import bleu_family
    from dimsum.metrics.rouge import rouge

    sources = [example.source for example in examples]
    references = [example.references for example in examples]
    if chosen_by == "rougeL":
        return chosen_by, lambda outputs: rouge(outputs, references)[2].value
    if scorer is not None:
        judge = scorer
        return "bert_ibleu", lambda outputs: judge.bert_ibleu(outputs, sources).value
    return "ibleu", lambda outputs: bleu_family(outputs, references, sources)[2].value


def _from_file(text: str, examples: Sequence[Example]) -> System:
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
        UsageError: a table without that column, or an output that is neither text nor null, as
            `dimsum generate` writes for a row without a text.
    """
    if form_of(path) in (None, "txt"):
        lines = list(lines_in(path))
        if not (lines and lines[0].lstrip().startswith("{")):
            return lines
        rows: Iterable[Row] = json_rows(lines, str(path))
    else:
        rows = rows_in(path)
    found: list[str] = []
    for row in rows:
        if not found:
            check_columns(row, ("output",), str(path), "")
        value = row.get("output")
        reason = not_text(value)
        if reason and reason != "null":
            raise UsageError(
                f"{path}, {row.position}, column 'output', is no text: {reason}",
                hint="each row of a file of outputs has a text there",
            )
        found.append("" if value is None else str(value))
    return found
