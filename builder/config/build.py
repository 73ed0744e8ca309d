"""The configuration of a build: one YAML, strict, with the paper's numbers as defaults.

Every field says what it is; `dimsum init` writes them out with these words as comments. Where the
paper and its released code differ, the default is the one that the field's text names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from builder.config.bounds import Bound, Rules
from builder.config.models import CriticConfig, TeacherConfig
from builder.config.pairs import DuplicatesConfig, PairsConfig, ScoresConfig
from builder.config.released import SplitsConfig, SyntaxConfig
from builder.config.run import RoundConfig, RunConfig
from builder.config.sentences import CandidatesConfig, ContextsConfig, DomainConfig
from builder.config.tasks import fill_from_tasks, refuse_unknown
from builder.measures.entailment import DIRECTIONS
from builder.measures.registry import OPTIONAL, VALIDITY, Registry, load_registry
from builder.methods.registry import METHODS
from builder.teachers.settings import TorchSettings
from dimsum.language import Language
from dimsum.settings import Presets, Settings, check, load, place_in_folder, suggest_word
from dimsum.syntax.parsers import DEPENDENCY
from dimsum.tasks import TaskDefinition, find_tasks
from dimsum.tasks.registry import FURTHER

PRESETS = Presets(
    "builder", ("embedded", "news", "reddit", "biomedical", *(task.name for task in FURTHER))
)


def _place_in_folder(reference: str, info: ValidationInfo) -> str:
    """A reference that is a path, taken from the folder of the file that names it."""
    is_name = reference.startswith("embedded:")
    return reference if is_name else str(place_in_folder(Path(reference), info))


ReferenceInFile = Annotated[str, AfterValidator(_place_in_folder)]
"""`embedded:NAME`, or a path that is taken from the folder of the YAML file."""


class BuildConfig(Settings):
    """Everything that decides the bytes of a corpus."""

    name: str = Field(
        "dimsum_plus",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="of the dataset and its folder",
    )
    seed: int = Field(0, ge=0, description="of every draw")
    language: Language | None = Field(
        None,
        description="of the texts, for the card: an ISO 639 code such as en; empty: as detected",
    )
    teacher: TeacherConfig
    critic: CriticConfig
    domains: tuple[DomainConfig, ...] = Field(min_length=1)
    contexts: ContextsConfig
    candidates: CandidatesConfig
    tasks: tuple[str, ...] = Field(
        min_length=1,
        description="in the order in which their rules are tried; one of your own is module:name. "
        "Left out: those that rules are given for",
    )
    measures: tuple[str, ...] = Field(
        (),
        description=f"in addition to those always taken: {', '.join(OPTIONAL)}; your own as "
        "module:name, or the name that an installed package gives",
    )
    validity: ReferenceInFile | None = Field(
        None,
        description="model that `dimsum calibrate` made, for the measure validity: a path or "
        "embedded:NAME; empty: not measured",
    )
    syntax: SyntaxConfig | None = Field(
        None,
        description="{parser: dependency, height: 3} releases each target's tree; empty: none",
    )
    pairs: PairsConfig
    scores: ScoresConfig = ScoresConfig()
    rules: dict[str, Rules]
    duplicates: DuplicatesConfig = DuplicatesConfig()
    splits: SplitsConfig = SplitsConfig()
    round: RoundConfig | None = Field(None, description="set by `dimsum distill`")
    run: RunConfig = RunConfig()
    file_rows: int = Field(1_000_000, ge=1, description="rows of one file of the release, at most")

    @model_validator(mode="before")
    @classmethod
    def _tasks_first(cls, document: Any) -> Any:
        return fill_from_tasks(document)

    @property
    def definitions(self) -> tuple[TaskDefinition, ...]:
        """Of the tasks that are built, in order."""
        return find_tasks(self.tasks)

    def task_versions(self) -> list[tuple[str, int]]:
        """Name and version of each task, in order: what stages that read definitions depend on."""
        return [(task.name, task.version) for task in self.definitions]

    @model_validator(mode="after")
    def _coherent(self) -> BuildConfig:
        names = [domain.name for domain in self.domains]
        if len(set(names)) != len(names):
            raise ValueError("two domains share a name")
        for task in self.definitions:
            self._check_rules(task, self.rules[task.name])
        if not isinstance(self.teacher.engine, TorchSettings):
            self._check_engine(self.teacher.engine.kind)
        if self.scores.prior is not None:
            refuse_unknown(self.scores.prior.tasks, self.definitions)
        measured = {m for bounds in self.pairs.bounds.values() for m in bounds}
        used = measured | {m for rules in self.rules.values() for m in rules}
        used |= {column.name for column in self.registry.own_columns}
        for column in sorted(used - {VALIDITY.name}):
            if "encoder" in self.registry.of(column).models and not self.pairs.encoder:
                raise ValueError(f"the measure {column} needs pairs.encoder")
        if self.round is not None and self.run.pairs is not None:
            raise ValueError("run.pairs: a round rewrites what is there, so it cannot ask for more")
        asked = {role for measure in self.registry.measures for role in measure.models}
        if self.round is not None and "teacher" in asked:
            raise ValueError("a round has no teacher for its measures to ask")
        return self

    @property
    def parser(self) -> str:
        """Name of the parser that a measure may ask."""
        return DEPENDENCY if self.syntax is None else self.syntax.parser

    @property
    def released_syntax(self) -> SyntaxConfig | None:
        """The trees that are released; None: no such column."""
        return self.syntax if self.syntax is not None and self.syntax.column else None

    @property
    def registry(self) -> Registry:
        """The measures that this build knows."""
        return load_registry(self.measures, self.validity is not None)

    def _check_engine(self, kind: str) -> None:
        """Refuse at once what a teacher of another engine does not hold."""
        for measure in self.registry.measures:
            if "teacher" in measure.models:
                raise ValueError(
                    f"the measure {measure.name} computes with the teacher itself, which "
                    f"teacher.engine {kind} does not give"
                )
        for method in self.candidates.methods:
            if METHODS.find(method.kind).needs_model:
                raise ValueError(
                    f"candidates.methods: {method.kind} computes with the teacher itself, which "
                    f"teacher.engine {kind} does not give"
                )
        asked: dict[str, Settings] = {"contexts.sampling": self.contexts.sampling}
        asked |= {f"candidates.methods: {m.kind}": m for m in self.candidates.methods}
        for where, sampling in asked.items():
            for name in ("no_repeat_ngram", "endings"):
                if getattr(sampling, name, None):
                    raise ValueError(f"{where}: teacher.engine {kind} does not hold {name}")

    def _check_rules(self, definition: TaskDefinition, rules: Rules) -> None:
        task, bounds = definition.name, self.pairs.bounds[definition.name]
        known = self.registry.columns
        if not rules:
            raise ValueError(f"the task {task} has no rules: it would take every pair")
        for measure in [*rules, *bounds]:
            if measure == VALIDITY.name and self.validity is None:
                raise ValueError("the measure validity needs a model: set validity to its file")
            if measure not in known:
                raise ValueError(f"no measure is called {measure!r}{suggest_word(measure, known)}")
        for measure, bound in bounds.items():
            if measure == VALIDITY.name or self.registry.of(measure).cost == "model":
                raise ValueError(f"pairs.bounds.{task}.{measure}: only cheap measures bound pairs")
            if measure in rules and not rules[measure].within(bound):
                raise ValueError(
                    f"rules.{task}.{measure} is looser than pairs.bounds.{task}.{measure}: "
                    "pairs beyond the bound are never scored"
                )
        for measure in (DIRECTIONS[direction] for direction in definition.directions):
            if rules.get(measure, Bound()).lowest < self.scores.floor:
                raise ValueError(
                    f"rules.{task}.{measure}.min must be at least scores.floor "
                    f"({self.scores.floor}): below it the other direction is never scored"
                )


def load_config(source: str | Path, overrides: Iterable[str] = ()) -> BuildConfig:
    """Read a preset's name or a YAML file, and apply `a.b=c` overrides.

    Raises:
        UsageError: as in `dimsum.settings.load`.
    """
    return load(BuildConfig, source, overrides, presets=PRESETS)


def parse_config(document: Mapping[str, Any]) -> BuildConfig:
    """Check a mapping, such as a run's header has.

    Raises:
        UsageError: as in `dimsum.settings.check`.
    """
    return check(BuildConfig, document)
