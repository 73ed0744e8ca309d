"""What a report says, typed: page and pictures are functions of these and of nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

from builder.audit.record import Audits
from builder.measures.base import Column
from builder.statistics.funnel import Step
from dimsum.tasks import TaskDefinition


@dataclass(frozen=True, slots=True)
class Example:
    """A rejected row.

    Attributes:
        source: the sentence, or the pair's source.
        target: the pair's target; empty where a single sentence was rejected.
        note: the value that failed, or the pair that it repeats.
    """

    source: str
    target: str
    note: str


@dataclass(frozen=True, slots=True)
class Removal:
    """What one reason removed at one stage."""

    stage: str
    counted: str
    reason: str
    count: int
    meaning: str
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One group's counts in the bins of a histogram, and its quantiles in the measure's unit."""

    name: str
    counts: tuple[int, ...]
    mean: float
    quantiles: tuple[float, ...]
    colour: str = ""


QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True, slots=True)
class Histogram:
    """The distribution of one measure, by task.

    Attributes:
        edges: of the bins, one more than there are bins.
        beyond: whether the last bin also counts what lies above its edge.
        left_out: values that are no finite number.
    """

    name: str
    title: str
    unit: str
    edges: tuple[float, ...]
    series: tuple[Series, ...]
    beyond: bool = False
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows by two measures at once; `counts[y][x]`; outer cells hold what lies beyond them."""

    x_edges: tuple[float, ...]
    y_edges: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Share:
    """A named count."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Yield:
    """What one source gave; a count that is not known is None."""

    name: str
    contexts: int | None
    candidates: int | None
    pairs: int

    @property
    def per_hundred(self) -> float | None:
        """Released pairs for each hundred contexts."""
        return 100 * self.pairs / self.contexts if self.contexts else None


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Sources of yield along one line: by domain, by method, by length of context."""

    name: str
    title: str
    rows: tuple[Yield, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """What one end of one rule keeps as it moves, all other rules standing.

    Attributes:
        end: min or max.
        now: the value that is in force.
        values: tried, ascending; `now` is one of them.
        kept: pairs of the task at each value.
        total: pairs of any task at each value.
    """

    task: str
    measure: str
    meaning: str
    end: str
    now: float
    values: tuple[float, ...]
    kept: tuple[int, ...]
    total: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Explorer:
    """Every rule's curve, and what pairs they count."""

    counted: str
    curves: tuple[Curve, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """Two rows that are alike; `similarity` is the Jaccard index of their word 3-shingles."""

    similarity: float
    first: tuple[str, str]
    second: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Repeats:
    """Each row's nearest neighbour in a sample.

    Attributes:
        rows: sampled.
        of: rows in the corpus.
        histogram: of the similarity to the nearest neighbour.
        closest: the pairs of rows most alike.
    """

    rows: int
    of: int
    histogram: Histogram
    closest: tuple[Repeat, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words; `own` where the other sentence of the pair does not have it there."""

    text: str
    own: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """One row of the table, its differences marked; a measure without a value is NaN."""

    id: str
    task: str
    control: str
    domain: str
    method: str
    split: str
    source: tuple[Piece, ...]
    target: tuple[Piece, ...]
    measures: dict[str, float]


@dataclass(frozen=True, slots=True)
class Statistic:
    """A number with its definition, beside the same number elsewhere."""

    name: str
    group: str
    value: str
    interval: str
    signature: str
    references: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelLine:
    """A model that had a part."""

    role: str
    name: str
    dtype: str
    licence: str
    identity: str


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule of decision in words."""

    task: str
    measure: str
    condition: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Making:
    """How it was made."""

    models: tuple[ModelLine, ...]
    rules: tuple[RuleLine, ...]
    versions: dict[str, str]
    configuration: str
    seed: int | None
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything on the page; an empty part is left out there."""

    name: str
    kind: str
    rows: int
    tasks: tuple[Share, ...]
    words: tuple[TaskDefinition, ...]
    targets: str
    splits: tuple[Share, ...]
    teacher: str
    steps: tuple[Step, ...]
    removals: tuple[Removal, ...]
    histograms: tuple[Histogram, ...]
    lengths: tuple[Histogram, ...]
    grid: Grid | None
    controls: tuple[Share, ...]
    breakdowns: tuple[Breakdown, ...]
    explorer: Explorer | None
    repeats: Repeats | None
    columns: tuple[Column, ...]
    pairs: tuple[Pair, ...]
    statistics: tuple[Statistic, ...]
    audits: Audits
    making: Making
