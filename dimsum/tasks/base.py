"""What a task is: everything that the corpus, the student and the cards know of it, as data.

A task of one's own is one `TaskDefinition` in one module; see "Add a task" in CONTRIBUTING.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import Any, Literal, get_args

from dimsum.errors import UsageError

Direction = Literal["forward", "backward"]
"""Of entailment: forward from source to target, backward from target to source."""

Ends = Mapping[str, float]
"""An interval as a configuration writes it: `min`, `max` or both, ends included."""

ANY_LENGTH = (0.0, inf)
"""Share of a source's characters, where a target may have any."""

QUESTIONS = ("faithful", "fluent", "main_point", "valid")
"""What readers of an audit answer of a pair."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def can_be_named(name: str) -> bool:
    """Whether a task may have this name; `default` is a config of every release."""
    return _NAME.fullmatch(name) is not None and name != "default"


def _check_ends(measure: str, ends: Ends) -> None:
    """Refuse an interval that no number lies in, or that is none.

    Raises:
        ValueError: with the measure.
    """
    for end, value in ends.items():
        if end not in ("min", "max"):
            raise ValueError(f"{measure} has the end {end!r}; ends are min and max")
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise ValueError(f"{measure}: {end} is {value!r}, not a number")
    if ends.get("min", -inf) > ends.get("max", inf):
        raise ValueError(f"{measure}: min {ends['min']} is above max {ends['max']}")


@dataclass(frozen=True, slots=True)
class Wording:
    """A pair as control codes see it.

    Attributes:
        compression: characters of the target over characters of the source.
        density_per_character: squared lengths of shared fragments over characters of the target
            (`dimsum.metrics.overlap.density` with `per="character"`).
        rouge_l: ROUGE-L F1 of the target against the source, 0 to 1.
    """

    source: str
    target: str
    compression: float
    density_per_character: float
    rouge_l: float


@dataclass(frozen=True, slots=True)
class Option:
    """Something that a user may ask for within a task, such as the length of a summary.

    Attributes:
        name: as a keyword argument and, with two dashes, on the command line.
        values: that can be asked for.
        value_of: the value that a pair has; None when it has none of them.
    """

    name: str
    values: tuple[str, ...]
    value_of: Callable[[Wording], str | None]


@dataclass(frozen=True, slots=True)
class ControlCode:
    """A kind of target within a task: the released column `control`, and a student's instruction.

    Attributes:
        name: unique among all tasks of a corpus.
        meaning: what it asks for, in the words of a card.
        instruction: the line that a student reads.
        options: of the task, and the value of each that the code stands for.
        compression: share of the source's characters that such a target has: the least, and the
            most, which is not reached.
    """

    name: str
    meaning: str
    instruction: str
    options: Mapping[str, str] = field(default_factory=dict)
    compression: tuple[float, float] = ANY_LENGTH


@dataclass(frozen=True)
class Benchmark:
    """Where a data set is and which of its columns are what.

    Attributes:
        reference: a Hub id, a folder or a file.
        source: column of the source; `set.0` is the first item of the list in the column `set`.
        references: column of the references, a text or a list of texts.
        where: values that rows must have.
    """

    reference: str
    source: str = "source"
    references: str = "refs"
    split: str = "test"
    config: str | None = None
    where: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TeacherPrompts:
    """How a language model is asked for the task, as a baseline of students.

    Attributes:
        questions: (question with {source}, the cue that the answer follows).
        exemplars: (source, answer), shown before the question.
        chosen_by: the metric that the best question is chosen by: `rougeL` against the references,
            or `ibleu`, which also asks for other words than the source's (weighed by BERTScore
            where there is one).
    """

    questions: tuple[tuple[str, str], ...]
    exemplars: tuple[tuple[str, str], ...]
    chosen_by: Literal["rougeL", "ibleu"] = "rougeL"


@dataclass(frozen=True, slots=True)
class KnownPair:
    """A pair that is plainly valid or plainly not, and what a reader who attends answers of it.

    Attributes:
        valid: whether it belongs in a dataset of quality; only where the other three hold.
    """

    source: str
    target: str
    faithful: bool = True
    fluent: bool = True
    main_point: bool = True
    valid: bool = True

    def __post_init__(self) -> None:
        if self.valid and not (self.faithful and self.fluent and self.main_point):
            raise ValueError(f"{self.target!r} is known to be valid and to have a fault")


@dataclass(frozen=True, slots=True)
class HubWords:
    """What the Hub calls the task.

    Attributes:
        category: of data sets, one of the Hub's task categories.
        pipeline: of sequence-to-sequence students, one of the Hub's pipeline tags.
        data_tag: free tag of data sets.
        model_tag: free tag of students.
    """

    category: str
    pipeline: str
    data_tag: str
    model_tag: str


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """A task of the corpus and of students.

    Attributes:
        name: in columns, files and settings: small letters, digits and underscores.
        noun: one target, in words.
        plural: several.
        verb: what a student does to its source, as in "to shorten a sentence".
        verbs: the same of a third person, as in "shortens sentences".
        meaning: what source and target are to each other, for the card's table of configs.
        rules: what a pair must satisfy, by measure, where a build says nothing else.
        bounds: the wider bounds of the cheap measures, likewise.
        directions: of entailment that decide whether a pair is one of the task.
        codes: its control codes, at least one.
        code_of: the name of a pair's code; needed where there are several codes.
        options: what a user may ask for, in the order in which help and cards name them.
        instruction: the line that a student without control codes reads.
        hub: what the Hub calls it.
        colours: of plots, for light and dark pages, such as #1d6f8c.
        source: what the source is.
        takes: a `sentence` that continues a context, or the `context` itself, which is several.
        reads: what a student reads, one and several, as in "to shorten an English sentence" and
            "shortens single English sentences"; {} is the language.
        measures: that rules and bounds name beside those always taken; a build takes them unasked.
        repeats: what is compared within a context to find repeats: all pairs of the task, or those
            of one control code.
        unlabelled: compression (from, below) of pairs that are taken for the task where a table
            does not say the task; None: none are.
        columns: names under which tables keep the target, beside the common ones.
        benchmarks: known data sets by name.
        teacher: prompts of the baseline; None: there is no such baseline.
        version: raised when a pair may get another control code, or other directions decide.
        question: that readers answer of a student's output, besides whether it is fluent and
            faithful: its name, its label, its words.
        example: a source, for cards.
        guide: what a target should be, for readers of an audit; Markdown. Empty: they are given
            the meaning, and read that there is no more.
        asked: what a question of an audit asks of the task, in addition to what it asks of every
            pair: `faithful`, `fluent`, `main_point` (a sentence each) and `valid` (a clause: "for
            a paraphrase, if ...").
        known: pairs that are put among those of an audit to see whether readers attend. Without
            any, sheets and scores say that nothing is known of that.
    """

    name: str
    noun: str
    plural: str
    verb: str
    verbs: str
    meaning: str
    rules: Mapping[str, Ends]
    bounds: Mapping[str, Ends]
    directions: tuple[Direction, ...]
    codes: tuple[ControlCode, ...]
    instruction: str
    hub: HubWords
    colours: tuple[str, str]
    code_of: Callable[[Wording], str] | None = None
    options: tuple[Option, ...] = ()
    source: str = "the input sentence"
    takes: Literal["sentence", "context"] = "sentence"
    reads: tuple[str, str] = ("sentence", "single {} sentences")
    measures: tuple[str, ...] = ()
    repeats: Literal["task", "control"] = "task"
    unlabelled: tuple[float, float] | None = None
    columns: tuple[str, ...] = ()
    benchmarks: Mapping[str, Benchmark] = field(default_factory=dict)
    teacher: TeacherPrompts | None = None
    question: tuple[str, str, str] | None = None
    example: str = "The council voted late on Tuesday to close the old bridge to lorries."
    guide: str = ""
    asked: Mapping[str, str] = field(default_factory=dict)
    known: tuple[KnownPair, ...] = ()
    version: int = 1

    def __post_init__(self) -> None:
        if not can_be_named(self.name):
            raise ValueError(f"{self.name!r} cannot be the name of a task")
        for measure, ends in [*self.rules.items(), *self.bounds.items()]:
            _check_ends(measure, ends)
        if wrong := set(self.directions) - set(get_args(Direction)):
            raise ValueError(f"{wrong.pop()!r} is no direction: forward, backward")
        if unknown := set(self.asked) - set(QUESTIONS):
            raise ValueError(f"{unknown.pop()!r} is no question: {', '.join(QUESTIONS)}")
        if not self.directions or not self.codes:
            raise ValueError(f"{self.name} needs a direction and a control code")
        if len(self.codes) > 1 and self.code_of is None:
            raise ValueError(f"{self.name} has several control codes and no code_of")
        if len(set(self.code_names)) != len(self.codes):
            raise ValueError(f"{self.name} has two control codes of one name")
        known = {option.name: option.values for option in self.options}
        for code in self.codes:
            for name, value in code.options.items():
                if value not in known.get(name, ()):
                    raise ValueError(f"{code.name}: {self.name} has no option {name}={value}")

    def texts_in(self, language: str) -> str:
        """What it reads, such as "single English sentences"; the language may be empty."""
        return " ".join(self.reads[1].format(language).split())

    @property
    def code_names(self) -> tuple[str, ...]:
        """Names of the control codes."""
        return tuple(code.name for code in self.codes)

    def control(self, wording: Wording) -> str:
        """The control code of a pair.

        Raises:
            UsageError: `code_of` fails, or gave a name that is no code of the task.
        """
        try:
            name = self.codes[0].name if self.code_of is None else self.code_of(wording)
        except Exception as error:
            raise UsageError(
                f"code_of of the task {self.name} fails for the source {wording.source!r} and the "
                f"target {wording.target!r}: {type(error).__name__}: {error}",
                hint="correct the task's definition",
            ) from error
        if name not in self.code_names:
            raise UsageError(
                f"{name!r} is no control code of the task {self.name}",
                hint="code_of gives the name of one of its codes",
            )
        return name

    def check_options(self, asked: Mapping[str, str | None]) -> dict[str, str]:
        """What is asked for, without what is left open.

        Raises:
            UsageError: an option or a value that the task does not have.
        """
        found = {name: value for name, value in asked.items() if value is not None}
        known = {option.name: option.values for option in self.options}
        for name, value in found.items():
            if name not in known:
                has = f"it has {' and '.join(known)}" if known else "it has no options"
                raise UsageError(f"the task {self.name} has no {name}", hint=has)
            if value not in known[name]:
                raise UsageError(
                    f"{value!r} is no {name} of the task {self.name}",
                    hint=f"use {' or '.join(known[name])}",
                )
        return found
