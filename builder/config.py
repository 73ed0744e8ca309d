"""The configuration of a build: one YAML, strict, with the paper's numbers as defaults.

Every field says what it is; `dimsum init` writes them out with these words as comments. Where the
paper and its released code differ, the default is the one that the field's text names.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from builder.decoding.settings import TeacherSampling
from builder.engines import EngineChoice
from builder.engines.in_process import InProcessSettings
from builder.measures import passage
from builder.measures.entailment import DIRECTIONS
from builder.measures.registry import VALIDITY, Registry, registry
from builder.methods.registry import METHODS, AnyMethod
from builder.teachers.settings import (
    ServerSettings,
    TeacherEngine,
    TorchSettings,
    VllmSettings,
)
from builder.validity.settings import PriorConfig
from dimsum.errors import UsageError
from dimsum.language import Language
from dimsum.settings import (
    PathInFile,
    Presets,
    Settings,
    check,
    did_you_mean,
    in_folder,
    load,
)
from dimsum.spec import Generation
from dimsum.syntax.parsers import DEPENDENCY, find_parser
from dimsum.tasks import TaskDefinition, task_names, tasks_of
from dimsum.tasks.registry import FURTHER

PRESETS = Presets(
    "builder", ("embedded", "news", "reddit", "biomedical", *(task.name for task in FURTHER))
)


def _in_folder(reference: str, info: ValidationInfo) -> str:
    """A reference that is a path, taken from the folder of the file that names it."""
    is_name = reference.startswith("embedded:")
    return reference if is_name else str(in_folder(Path(reference), info))


def _there_or_name(reference: str | None, info: ValidationInfo) -> str | None:
    """A reference as a path where there is something, or where only a path looks like that."""
    if reference is None:
        return None
    path = in_folder(Path(reference), info)
    return str(path) if path.exists() or reference.startswith((".", "/", "~")) else reference


ReferenceInFile = Annotated[str, AfterValidator(_in_folder)]
"""`embedded:NAME`, or a path that is taken from the folder of the YAML file."""


class ModelConfig(Settings):
    """A model and where it runs."""

    model: str = Field(description="embedded:NAME, a Hub id (with @revision), a folder or a .gguf")
    device: str | None = Field(None, description="cuda, mps or cpu; empty: the best there is")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 where this machine is faster at it"
    )
    prepacked: Literal["auto", "on", "off"] = Field(
        "auto",
        description="weights packed once for a CPU, by operators private to torch; auto: where "
        "this machine can",
    )

    @property
    def server(self) -> ServerSettings | None:
        """Who computes it, where this project does not."""
        return None

    @property
    def vllm(self) -> VllmSettings | None:
        """Of vLLM, where that computes it in this process."""
        return None


class TeacherConfig(ModelConfig):
    """The teacher: a language model, computed here, by vLLM or by a server."""

    engine: TeacherEngine = Field(
        TorchSettings(),
        description="{kind: torch}, {kind: vllm}, or {kind: server, url: ADDRESS} for any that "
        "answers as OpenAI's /v1/completions",
    )

    @property
    def server(self) -> ServerSettings | None:
        """As in `ModelConfig`."""
        return self.engine if isinstance(self.engine, ServerSettings) else None

    @property
    def vllm(self) -> VllmSettings | None:
        """As in `ModelConfig`."""
        return self.engine if isinstance(self.engine, VllmSettings) else None


class CriticConfig(ModelConfig):
    """The entailment critic: any NLI classifier; its labels are found by name."""

    batch_tokens: int = Field(4096, ge=64, description="tokens scored together, padding included")


class Bound(Settings):
    """An interval that a measure must lie in, both ends included; an end left out is open."""

    min: float | None = Field(None, description="lower end; empty: open")
    max: float | None = Field(None, description="upper end; empty: open")

    @model_validator(mode="after")
    def _ordered(self) -> Bound:
        if self.lowest > self.highest:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self

    @property
    def lowest(self) -> float:
        """The lower end as a number."""
        return -math.inf if self.min is None else self.min

    @property
    def highest(self) -> float:
        """The upper end as a number."""
        return math.inf if self.max is None else self.max

    def holds(self, value: float | None) -> bool:
        """Whether a measured value satisfies the bound; a value never measured does not."""
        return value is not None and self.lowest <= value <= self.highest

    def within(self, outer: Bound) -> bool:
        """Whether everything that satisfies this bound satisfies `outer`."""
        return outer.lowest <= self.lowest and self.highest <= outer.highest


Rules = dict[str, Bound]


class DomainConfig(Settings):
    """How a domain opens a text: a built-in kind, or a file with one opening a line."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="enters ids and the card")
    kind: Literal["news", "reddit", "biomedical", "beginnings", "file"] = Field(
        "news",
        description="datelines, subreddits, sections of papers, first words of sentences, or "
        "lines of a file",
    )
    file: PathInFile | None = Field(
        None, description="for kind file: UTF-8 text, one opening a line"
    )
    strip_opening: bool = Field(
        True,
        description="leave the opening, which the teacher sees, out of the stored context",
    )
    forbidden: tuple[str, ...] = Field((), description="a sentence holding one of these is dropped")

    @model_validator(mode="after")
    def _file_given(self) -> DomainConfig:
        if (self.kind == "file") != (self.file is not None):
            raise ValueError("a file goes with kind: file, and kind: file needs one")
        return self


class ContextsConfig(Settings):
    """Contexts: the first sentences of free continuations of an opening."""

    openings: int = Field(ge=1, description="openings drawn for each domain")
    samples: int = Field(ge=1, description="continuations of each opening (paper: 100)")
    sampling: TeacherSampling
    min_sentences: int = Field(1, ge=1, description="sentences in a context, at least")
    max_sentences: int = Field(5, ge=1, description="and at most")
    per_continuation: int | None = Field(
        None, ge=1, description="contexts kept of one continuation; empty: all of them"
    )
    max_characters: int = Field(1000, ge=20, description="longer contexts are dropped")
    shard: int = Field(8, ge=1, description="openings in one unit of work")

    @model_validator(mode="after")
    def _ordered(self) -> ContextsConfig:
        if self.min_sentences > self.max_sentences:
            raise ValueError("min_sentences is above max_sentences")
        return self


class CandidatesConfig(Settings):
    """Next sentences of each context."""

    samples: int = Field(ge=2, description="for each context (paper: 100)")
    max_characters: int = Field(400, ge=10, description="longer sentences are dropped")
    methods: tuple[AnyMethod, ...] = Field(
        min_length=1, description="how they are drawn, one after the other; shares make 1"
    )

    @model_validator(mode="after")
    def _shared_out(self) -> CandidatesConfig:
        total = math.fsum(method.share for method in self.methods)
        if not math.isclose(total, 1):
            raise ValueError(f"the shares of methods make {total:g}, not 1")
        for method, count in zip(self.methods, self.counts, strict=True):
            if method.share and not count:
                raise ValueError(f"the share {method.share:g} of {self.samples} samples is none")
        first = self.methods[0].kind
        if METHODS.find(first).needs_earlier:
            raise ValueError(f"{first} needs earlier sentences, so it cannot be the first method")
        return self

    @property
    def counts(self) -> list[int]:
        """Samples of each method; together they are `samples`."""
        shares = accumulate(method.share for method in self.methods)
        ends = [round(self.samples * share) for share in shares]
        return [end - start for start, end in pairwise([0, *ends])]


class PairsConfig(Settings):
    """Which ordered pairs are worth a critic: wide bounds on cheap measures, for each task.

    They must enclose the rules. The distance between the two is what `dimsum rescore` can explore
    without a model.
    """

    bounds: dict[str, Rules]
    encoder: str | None = Field(
        None, description="sentence encoder for the measure cosine; empty: not measured"
    )
    keep_rejects: int = Field(
        100_000,
        ge=0,
        description="rejected pairs of a shard stored as rows; beyond it a sample of each reason",
    )


class ScoresConfig(Settings):
    """What the critic scores."""

    prior: PriorConfig | None = Field(None, description="empty: every pair inside the bounds")

    floor: float = Field(
        0.5, ge=0, lt=1, description="below it in one direction, the other is not scored"
    )
    link_cosine: float = Field(
        0.5, ge=-1, le=1, description="sentences less alike are never compared as duplicates"
    )


class DuplicatesConfig(Settings):
    """Repeats inside a context and across the corpus."""

    entailment: float | None = Field(
        None, ge=0, le=1, description="edge of the graph; empty: entailment is the likeliest label"
    )
    within: Literal["task", "control"] | None = Field(
        None,
        description="what is compared: all pairs of a task, or those of one control code; empty: "
        "as the task's definition says",
    )
    jaccard: float = Field(0.8, gt=0, le=1, description="word 3-shingles, over the whole corpus")
    against: Annotated[str | None, AfterValidator(_there_or_name)] = Field(
        None,
        description="another release, whose rows stay before those of this build: a folder, a run "
        "or a Hub dataset NS/NAME@REVISION; empty: none",
    )
    max_drop: float = Field(
        0.9, ge=0, le=1, description="a larger share of near-duplicates stops the build"
    )
    buckets: int = Field(
        16, ge=1, le=65536, description="parts of the search; more take less memory at a time"
    )
    group: int = Field(
        1000,
        ge=2,
        description="pairs that meet under one key and are all compared; of more, each "
        "with half as many",
    )


class SplitsConfig(Settings):
    """Shares of rows; what is connected never parts."""

    validation: float = Field(0.05, ge=0, lt=0.5, description="share of rows, at most")
    test: float = Field(0.05, ge=0, lt=0.5, description="share of rows, at most")


class SyntaxConfig(Settings):
    """Trees of sentences: the column `syntax` of a release, and the measure tree_distance."""

    parser: str = Field(
        DEPENDENCY,
        description="dependency (spaCy's, English), or any other as module:function, from a list "
        "of sentences to their trees in brackets",
    )
    height: int | None = Field(
        3, ge=2, description="layers of the released trees, the root's among them; empty: all"
    )
    column: bool = Field(True, description="release each target's tree as the column syntax")

    @field_validator("parser")
    @classmethod
    def _there(cls, name: str) -> str:
        find_parser(name)
        return name


class RewritingConfig(Settings):
    """How a student rewrites the teacher's sentences; the numbers are the paper's."""

    sentences: Literal["candidates", "sources"] = Field(
        "candidates",
        description="candidates: the first of each context; sources: those of the first corpus' "
        "pairs, which have passed its rules, so that a sentence comes under several codes",
    )
    per_context: int = Field(1, ge=1, description="sentences of each context that are rewritten")
    least_words: int = Field(0, ge=0, description="of a sentence that is rewritten")
    samples: int = Field(10, ge=1, description="of each sentence under each code (paper: 10)")
    sampling: Generation = Generation()
    batch_size: int = Field(256, ge=1, description="outputs that are written together")


class RoundConfig(Settings):
    """A round of self-distillation."""

    number: int = Field(1, ge=1, description="the teacher's own being 0")
    corpus: Path = Field(description="run whose candidates are rewritten")
    earlier: Path = Field(description="run whose rows are released with the round's")
    student: ModelConfig
    rewriting: RewritingConfig = RewritingConfig()


class RunConfig(Settings):
    """Where a run is computed, which decides nothing of what it computes, and where it ends."""

    engine: EngineChoice = Field(
        InProcessSettings(),
        description="{kind: in_process}, {kind: processes, workers: N}, "
        "{kind: ray, address: HOST:PORT}; also module:name",
    )
    mixed: bool = Field(
        False, description="let units of other versions or devices join those that are there"
    )
    preview: bool = Field(
        False,
        description="take the first shard to its pairs and show some before the others begin; all "
        "models are then in memory at once",
    )
    pairs: int | None = Field(
        None,
        ge=1,
        description="released pairs of each task: the first shards that suffice are made, and of "
        "more as many are taken; contexts.openings is then the most. Empty: all openings",
    )
    shards: int | None = Field(
        None, ge=1, description="set by the build where pairs is given: the shards that it took"
    )


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
        description="beside those always taken: copying, words, roles, claims, form, main_point, "
        "tree_distance; your own as module:name, or the name that an installed package gives",
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
        """Rules and bounds of the tasks that are built, in their order.

        A task without rules or bounds takes those of its definition; those of a task that is known
        and not built are left out, so that `tasks` alone chooses. The measures that definitions
        need are added to those that are named. Where a task takes contexts, the number of a
        source's sentences parts its pairs from those of the other tasks.
        """
        if not isinstance(document, Mapping):
            return document
        pairs = document.get("pairs") or {}
        rules = document.get("rules") or {}
        bounds = (pairs.get("bounds") or {}) if isinstance(pairs, Mapping) else {}
        if not (isinstance(rules, Mapping) and isinstance(bounds, Mapping)):
            return document
        tasks = list(rules) if document.get("tasks") is None else document["tasks"]
        if not isinstance(tasks, list | tuple) or not all(isinstance(t, str) for t in tasks):
            return document
        built = tasks_of(tasks)
        _refuse_unknown({**rules, **bounds}, built)
        found = dict(document)
        found["tasks"] = list(tasks)
        found["rules"] = {t.name: rules.get(t.name, t.rules) for t in built}
        if isinstance(pairs, Mapping):
            own = {t.name: bounds.get(t.name, t.bounds) for t in built}
            found["pairs"] = {**pairs, "bounds": own}
        named = document.get("measures") or []
        if isinstance(named, list | tuple):
            needed = [name for t in built for name in t.measures]
            found["measures"] = list(dict.fromkeys([*named, *needed, *_of_contexts(built)]))
        _part_by_sentences(found, built)
        return found

    @property
    def definitions(self) -> tuple[TaskDefinition, ...]:
        """Of the tasks that are built, in order."""
        return tasks_of(self.tasks)

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
            _refuse_unknown(self.scores.prior.tasks, self.definitions)
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
        return registry(self.measures, self.validity is not None)

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
                raise ValueError(f"no measure is called {measure!r}{did_you_mean(measure, known)}")
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


def _of_contexts(built: Iterable[TaskDefinition]) -> tuple[str, ...]:
    """The measure that counts sentences, where a task's source is a context."""
    return (passage.MEASURE.name,) if any(t.takes == "context" for t in built) else ()


def _part_by_sentences(document: Mapping[str, Any], built: Sequence[TaskDefinition]) -> None:
    """Let sources of one sentence be of the tasks that take one, where others take contexts."""
    if not _of_contexts(built):
        return
    bounds = document["pairs"]["bounds"] if isinstance(document.get("pairs"), Mapping) else {}
    for task in built:
        own = {"min": 2} if task.takes == "context" else {"max": 1}
        for rules in (document["rules"], bounds):
            if isinstance(rules.get(task.name), Mapping):
                rules[task.name] = {passage.SOURCE_SENTENCES: own, **rules[task.name]}


def _refuse_unknown(names: Iterable[str], built: Iterable[TaskDefinition]) -> None:
    """Refuse rules or bounds of a task that there is not.

    Raises:
        UsageError: with the nearest known name.
    """
    own = [task.name for task in built]
    known = (*own, *(name for name in task_names() if name not in own))
    for name in names:
        if name not in known:
            raise UsageError(
                f"no task is called {name!r}{did_you_mean(name, known)}",
                hint="a task of your own stands in `tasks`, as module:name",
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
