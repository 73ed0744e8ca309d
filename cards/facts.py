"""What a card may say: typed, frozen facts and nothing else.

A card is a function of these. Every number in them comes from a file that a command wrote, and
what was not measured is `None`, which the card says in so many words.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from cards.audit import AuditFacts
from cards.rows import (
    ColumnFacts,
    ConfigFacts,
    Count,
    DataFile,
    Fact,
    Name,
    RelativePath,
    RepoId,
    Sample,
    SampleRow,
    Sha256,
    Share,
    SplitFacts,
    SplitName,
)

#: Where a release keeps the facts its card was rendered from.
FACTS_PATH = "provenance/facts.json"

__all__ = [
    "FACTS_PATH",
    "PAPER",
    "AuditFacts",
    "Citation",
    "ColumnFacts",
    "ConfigFacts",
    "ControlFacts",
    "CriticPrecision",
    "DataFile",
    "DatasetFacts",
    "Fact",
    "FunnelStep",
    "Link",
    "ModelFacts",
    "ModelUse",
    "ReferenceCorpus",
    "ResultRow",
    "Rule",
    "RunFacts",
    "Sample",
    "SampleRow",
    "Setting",
    "Sha256",
    "SplitFacts",
    "StageCost",
    "StatisticsRow",
    "TextUse",
]


# ------------------------------------------------------------------------------- how it was made


class ModelUse(Fact):
    """A model that had a part in the making.

    Attributes:
        role: of the model: teacher, critic, encoder, base.
        reference: as configured: a Hub id, a folder's name, a GGUF file, embedded:NAME.
        revision: the Hub commit, if it came from the Hub.
        licence: the Hub's identifier; None when nobody knows.
        identity: a hash of the weights or another name that distinguishes two revisions.
    """

    role: str
    reference: str
    revision: str | None = None
    licence: str | None = None
    identity: str | None = None


class TextUse(Fact):
    """A text that went in: seed texts, word lists, openings, training sets of a critic."""

    name: str
    use: str
    licence: str | None = None
    source: str | None = None


class FunnelStep(Fact):
    """What one stage took and kept: `entered == kept + sum(rejected)`, always; reasons in words."""

    stage: str
    counted: str
    entered: Count
    kept: Count
    rejected: dict[str, Count] = Field(default_factory=dict)
    meanings: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.entered != self.kept + sum(self.rejected.values()):
            raise ValueError(
                f"the funnel does not add up at {self.stage}: {self.entered} entered, "
                f"{self.kept} kept, {sum(self.rejected.values())} rejected"
            )
        return self


class Rule(Fact):
    """A rule of decision: what is kept, and for which task."""

    task: str
    rule: str
    condition: str
    meaning: str = ""


class StageCost(Fact):
    """Measured cost of a stage, in seconds of wall clock and tokens generated or read."""

    stage: str
    seconds: Annotated[float, Field(ge=0)]
    tokens: Count | None = None


class RunFacts(Fact):
    """The run that made it, as measured.

    Attributes:
        seed: of the whole run.
        seconds: of wall clock, all stages and rounds.
        tokens: generated; None when not counted.
        rounds: of self-distillation, the teacher's own being the first.
        device: in words, with the dtype.
        versions: of the libraries.
        configuration: path of the resolved configuration in the release.
        stages: where the time went.
    """

    seed: int
    seconds: Annotated[float, Field(ge=0)]
    tokens: Count | None = None
    rounds: Count = 1
    device: str
    versions: dict[str, str]
    configuration: RelativePath | None = None
    stages: tuple[StageCost, ...] = ()


class StatisticsRow(Fact):
    """One number about the corpus beside the same number of reference corpora.

    Attributes:
        metric: its name.
        config: of the dataset it was taken on.
        value: measured; None when it was not.
        signature: library, version and definition.
        references: corpus name → its value.
    """

    metric: str
    config: str
    value: float | None
    signature: str
    references: dict[str, float | None] = Field(default_factory=dict)


class ReferenceCorpus(Fact):
    """A corpus whose numbers stand beside ours.

    Attributes:
        name: as in the references of the statistics.
        pairs: that it has, in words; None when not known.
        source: of its numbers.
    """

    name: str
    source: str
    pairs: str | None = None


class CriticPrecision(Fact):
    """How often the critic is right when it lets a pair of a benchmark through.

    Attributes:
        critic: the model.
        data: the labelled pairs it was measured on.
        n: pairs that it let through there.
        precision: share of those truly entailed.
        low: of the confidence interval.
        high: of the confidence interval.
        threshold: that the probability of entailment had to reach.
    """

    critic: str
    data: str
    n: Count
    precision: Share
    low: Share
    high: Share
    threshold: Share


class Citation(Fact):
    """A BibTeX entry, in parts."""

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_:-]+$")]
    kind: Annotated[str, Field(pattern=r"^[a-z]+$")]
    fields: dict[Annotated[str, Field(pattern=r"^[a-z]+$")], str]


PAPER = Citation(
    key="jung2023impossible",
    kind="article",
    fields={
        "title": "Impossible Distillation: from Low-Quality Model to High-Quality Dataset & Model "
        "for Summarization and Paraphrasing",
        "author": "Jaehun Jung and Peter West and Liwei Jiang and Faeze Brahman and Ximing Lu "
        "and Jillian Fisher and Taylor Sorensen and Yejin Choi",
        "journal": "arXiv preprint arXiv:2305.16635",
        "year": "2023",
    },
)


class Link(Fact):
    """The other half of a pair of cards: the student of a dataset, the dataset of a student.

    Attributes:
        title: as a reader knows it.
        repo_id: on the Hub; None when it is not published.
        revision: a tag or commit there.
        licence: of it.
    """

    title: str
    repo_id: RepoId | None = None
    revision: str | None = None
    licence: str | None = None


class DatasetFacts(Fact):
    """All a dataset card says.

    Attributes:
        targets: what pairs were kept as, in words, such as "paraphrases or summaries".
        task_categories: of the Hub.
    """

    kind: Literal["dataset"] = "dataset"
    name: Name
    title: str
    repo_id: RepoId | None = None
    version: str
    summary: str
    language: Annotated[tuple[str, ...], Field(min_length=1)] = ("en",)
    targets: str = "pairs of its tasks"
    task_categories: tuple[str, ...] = ()
    task_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ("synthetic", "distillation")
    columns: Annotated[tuple[ColumnFacts, ...], Field(min_length=1)]
    configs: Annotated[tuple[ConfigFacts, ...], Field(min_length=1)]
    funnel: tuple[FunnelStep, ...]
    funnel_picture: RelativePath | None = None
    statistics: tuple[StatisticsRow, ...] = ()
    reference_corpora: tuple[ReferenceCorpus, ...] = ()
    models: tuple[ModelUse, ...]
    texts: tuple[TextUse, ...] = ()
    rules: tuple[Rule, ...]
    run: RunFacts
    critic_precision: tuple[CriticPrecision, ...] = ()
    audits: tuple[AuditFacts, ...] = ()
    audits_of_other_rows: Count = 0
    sample: Sample
    limits: tuple[str, ...] = ()
    student: Link | None = None
    citations: tuple[Citation, ...] = (PAPER,)

    @model_validator(mode="after")
    def _one_default(self) -> Self:
        names = [config.name for config in self.configs]
        if len(set(names)) != len(names):
            raise ValueError("two configs have the same name")
        if len(names) > 1 and sum(config.default for config in self.configs) != 1:
            raise ValueError("exactly one config must be the default")
        return self

    @property
    def rows(self) -> int:
        """Rows of the largest config, which is the number the size category is of."""
        return max(config.rows for config in self.configs)


# ----------------------------------------------------------------------------------- the student


class ControlFacts(Fact):
    """A control code and what it asks for."""

    code: str
    meaning: str


class Setting(Fact):
    """A setting of training or generation."""

    name: str
    value: str


class ResultRow(Fact):
    """One measured result.

    Attributes:
        task: of the student, such as summary.
        hub_task: the Hub's task id for it.
        data: title of the data it was measured on.
        data_id: Hub id of it; None when it is not on the Hub.
        config: of the data.
        split: of the data.
        revision: of the data.
        metric: its name.
        metric_id: the Hub's id of the metric.
        value: measured.
        low: of the confidence interval.
        high: of the confidence interval.
        n: examples.
        signature: library, version and definition.
        baselines: name → value on the same examples.
    """

    task: str
    hub_task: str
    data: str
    data_id: RepoId | None = None
    config: Name | None = None
    split: SplitName | None = None
    revision: str | None = None
    metric: str
    metric_id: Name
    value: float
    low: float | None = None
    high: float | None = None
    n: Count
    signature: str
    baselines: dict[str, float | None] = Field(default_factory=dict)


class ModelFacts(Fact):
    """All a model card says.

    Attributes:
        purpose: what it is good for, such as "shorten a sentence".
        reads: what it was trained on, such as "single English sentences"; empty: such sentences.
        example_prompt: a whole prompt, for plain transformers.
        example_output: what the model wrote for it.
        example_text: the sentence in that prompt, for `dimsum`.
        example_arguments: keyword arguments of `dimsum.Student.rewrite`, called with it: the task
            and its options.
    """

    kind: Literal["model"] = "model"
    name: Name
    title: str
    repo_id: RepoId | None = None
    version: str
    summary: str
    purpose: str = "rewrite a sentence"
    reads: str = ""
    language: Annotated[tuple[str, ...], Field(min_length=1)] = ("en",)
    architecture: Literal["seq2seq", "causal"]
    parameters: Count
    pipeline_tag: str = "text-generation"
    tags: tuple[str, ...] = ("distillation",)
    base: ModelUse
    dataset: Link
    models: tuple[ModelUse, ...] = ()
    texts: tuple[TextUse, ...] = ()
    method: str
    settings: tuple[Setting, ...] = ()
    generation: tuple[Setting, ...] = ()
    controls: tuple[ControlFacts, ...] = ()
    example_prompt: str
    example_output: str | None = None
    example_text: str | None = None
    example_arguments: dict[Annotated[str, Field(pattern=r"^[a-z_]+$")], str] = Field(
        default_factory=dict
    )
    results: tuple[ResultRow, ...] = ()
    run: RunFacts
    limits: tuple[str, ...] = ()
    citations: tuple[Citation, ...] = (PAPER,)
