"""One evaluation from what is asked for to its document: write, then measure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dimsum.data.files import form_of, json_rows, lines_in, rows_in
from dimsum.data.values import Row, check_columns, not_text
from dimsum.devices import pick_device
from dimsum.errors import UsageError
from dimsum.evaluation import teacher as asking
from dimsum.evaluation.baselines import BASELINES, baseline
from dimsum.evaluation.data import Example
from dimsum.evaluation.evaluate import System, control_accuracy, evaluate
from dimsum.evaluation.matched import nearest_in_length, write_all_codes
from dimsum.evaluation.measure import Critic
from dimsum.evaluation.saved_outputs import find_same, read_outputs, save_outputs
from dimsum.loading import check_model
from dimsum.models import pin, public_name, resolve
from dimsum.rerank import Judge, best_of, likeliest_obeying
from dimsum.tasks import TaskDefinition
from dimsum.writing import BATCH_SIZE

if TYPE_CHECKING:
    from dimsum.metrics.bertscore import BertScore
    from dimsum.student import DType, Student


class Open(Protocol):
    """Opens a student or a teacher."""

    def __call__(self, model: str, /, *, device: str | None, dtype: DType) -> Student:
        """A model's reference, as `Student.from_pretrained` takes it."""


MEANINGS = {
    "copy": "the source itself",
    "lead": "the source's first words, as many as the references have on average",
    "random": "the reference of another example",
}


@dataclass(frozen=True)
class Wanted:
    """What to judge and how; see `dimsum evaluate --help`."""

    task: TaskDefinition
    options: Mapping[str, str] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()
    teacher: str | None = None
    teacher_sample: int = 100
    matched: bool = False
    rerank: int = 0
    rerank_critic: str = ""
    beams: int | None = None
    outputs: tuple[str, ...] = ()
    bertscore: str | None = "auto"
    controls: int = 0
    reuse: Path | None = None
    batch_size: int = BATCH_SIZE
    device: str | None = None
    dtype: DType = "auto"

    def check(self, output: Path | None, folder: Path | None) -> None:
        """Refuse what could only fail after hours.

        Raises:
            UsageError: nothing to judge, an unknown baseline, names that do not fit, or a place
                to write to that is taken.
        """
        if not (self.models or self.baselines or self.teacher or self.outputs):
            raise UsageError("there is nothing to judge", hint="name a MODEL or a --baseline")
        for name in ("rerank", "beams", "matched", "controls"):
            if getattr(self, name) and not self.models:
                raise UsageError(f"--{name} is about a MODEL, and none is named", hint="name one")
        for name in self.baselines:
            if name not in BASELINES:
                raise UsageError(
                    f"no baseline is called {name!r}", hint=f"known: {', '.join(BASELINES)}"
                )
        if self.names and len(self.names) != len(self.models):
            raise UsageError(
                f"{len(self.models)} models but {len(self.names)} names",
                hint="give one --name for each model, or none",
            )
        if self.teacher and self.task.teacher is None:
            raise UsageError(
                f"the task {self.task.name} has no prompts for a teacher",
                hint="leave --teacher out",
            )
        for path in (output, folder):
            if (
                path is not None
                and path.exists()
                and not (path.is_dir() and not any(path.iterdir()))
            ):
                raise UsageError(f"{path} exists", hint="choose another name")
        for text in self.outputs:
            _, equals, file = text.partition("=")
            if not equals or not Path(file).is_file():
                raise UsageError(
                    f"--outputs {text!r} is not NAME=FILE with a file that is there",
                    hint="check the path; NAME is what the table calls it",
                )

    def check_models(self) -> None:
        """Refuse models that could only fail after others have written.

        Raises:
            UsageError, ModelError: as `dimsum.loading.check_model`.
        """
        for model in self.models:
            check_model(model, "generator", device=self.device)
        if self.teacher:
            check_model(self.teacher, "generator", device=self.device, role="teacher")


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
    others = (*(system.name for system in teachers), *wanted.baselines)
    for index, model in enumerate(wanted.models):
        writer = _Writer(wanted, index, model, examples, known, say, open_student)
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


def _describe_inputs(wanted: Wanted, model: str, **further: Any) -> dict[str, Any]:
    """What the outputs of a model depend on beside the examples."""
    return {
        "version": version("dimsum-plus"),
        "model": pin(resolve(model)).identity,
        "task": wanted.task.name,
        "dtype": wanted.dtype,
        "device": pick_device(wanted.device).type,
        "batch_size": wanted.batch_size,
        **further,
    }


class _Writer:
    """A student and what it writes for an evaluation; it is loaded only if it has to write."""

    def __init__(
        self,
        wanted: Wanted,
        index: int,
        model: str,
        examples: Sequence[Example],
        known: Sequence[System],
        say: Callable[[str], None],
        open_student: Open,
    ) -> None:
        self.wanted, self.model, self.known, self.say = wanted, model, known, say
        self.open = open_student
        self.name = wanted.names[index] if wanted.names else public_name(model)
        self.sources = [example.source for example in examples]
        self._choices: list[list[str]] = []

    @cached_property
    def student(self) -> Student:
        """The student, loaded when it first writes."""
        found = self.open(self.model, device=self.wanted.device, dtype=self.wanted.dtype)
        self.say(found.note)
        return found

    @cached_property
    def code(self) -> str:
        """Its control code: one without codes has one kind of target, whatever is asked for."""
        options = self.wanted.options if self.student.spec.prompts.control else {}
        return self.student.spec.code_for(self.wanted.task.name, options)

    def as_asked(self) -> System:
        """Its greedy outputs under the code that is asked for."""
        wanted = self.wanted
        return self._once(self.name, {"controls": wanted.controls}, self._write)

    def best(self, judge: Judge | None) -> list[System]:
        """The best of several samples, where that is asked for."""
        count = self.wanted.rerank
        if not count or judge is None:
            return []
        name = f"{self.name}, best of {count}"
        chosen_by = resolve(self.wanted.rerank_critic).identity
        further = {"rerank": count, "chosen_by": chosen_by}
        return [self._once(name, further, lambda name: self._rerank(name, judge))]

    def beams(self) -> list[System]:
        """The likeliest of its beams, and the likeliest that obeys, where that is asked for."""
        count = self.wanted.beams
        if not count:
            return []
        return [
            self._once(f"{self.name}, {count} beams", {"beams": count}, self._search),
            self._once(
                f"{self.name}, {count} beams that obey",
                {"beams": count, "obeying": True},
                self._obey,
            ),
        ]

    def matched(self, others: Sequence[System]) -> list[System]:
        """At the length of each of the other systems, where that is asked for."""
        if not self.wanted.matched:
            return []
        return [
            replace(
                self._once(
                    f"{self.name} at the length of {other.name}",
                    {"at_length_of": other.name, "prompts": dict(other.asked)},
                    lambda name, other=other: self._match(name, other),  # type: ignore[misc]
                ),
                against=(other.name,),
            )
            for other in others
        ]

    def _once(
        self, name: str, further: Mapping[str, Any], write: Callable[[str], System]
    ) -> System:
        """A system as it was saved for these very examples, or written now."""
        asked = _describe_inputs(
            self.wanted, self.model, options=dict(self.wanted.options), **further
        )
        if found := find_same(self.known, name, asked):
            self.say(f"{name}: its outputs are reused")
            return found
        return replace(write(name), asked=asked)

    def _write(self, name: str) -> System:
        wanted, student = self.wanted, self.student
        written = student.write(self.sources, self.code, batch_size=wanted.batch_size)
        facts = {"model": public_name(self.model), "control": self.code, "cut": student.cut}
        obeyed = (
            control_accuracy(
                student,
                self.sources[: wanted.controls],
                wanted.task,
                batch_size=wanted.batch_size,
            )
            if wanted.controls
            else {}
        )
        return System(name, [texts[0] for texts in written], facts, obeyed)

    def _search(self, name: str) -> System:
        wanted, count = self.wanted, self.wanted.beams or 1
        generation = self.student.spec.generation.model_copy(update={"beams": count})
        written = self.student.write(
            self.sources, self.code, batch_size=wanted.batch_size, generation=generation
        )
        facts = {"model": public_name(self.model), "control": self.code, "beams": count}
        return System(name, [texts[0] for texts in written], facts)

    def _obey(self, name: str) -> System:
        wanted, count = self.wanted, self.wanted.beams or 1
        outputs = likeliest_obeying(
            self.student,
            self.sources,
            wanted.task,
            self.code,
            count,
            batch_size=wanted.batch_size,
        )
        facts = {"model": public_name(self.model), "control": self.code, "beams": count}
        return System(name, outputs, facts)

    def _rerank(self, name: str, judge: Judge) -> System:
        wanted = self.wanted
        outputs = best_of(
            self.student,
            self.sources,
            wanted.task,
            self.code,
            wanted.rerank,
            judge,
            batch_size=wanted.batch_size,
        )
        facts = {"model": public_name(self.model), "control": self.code, "best_of": wanted.rerank}
        return System(name, outputs, facts)

    def _match(self, name: str, other: System) -> System:
        if not self._choices:
            wanted = self.wanted
            self._choices = write_all_codes(
                self.student, self.sources, wanted.task, batch_size=wanted.batch_size
            )
        outputs = nearest_in_length(self._choices, other.outputs)
        facts = {"model": public_name(self.model), "control": f"nearest in length to {other.name}"}
        return System(name, outputs, facts)


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
    asked = _describe_inputs(
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
