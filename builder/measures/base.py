"""What a measure is: named columns of numbers, computed for many ordered pairs at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from builder.errors import BuilderError

if TYPE_CHECKING:
    import numpy as np

    from builder.critics.embedding import SentenceEncoder
    from builder.models import LoadedModel
    from dimsum.syntax.parsers import Parser

    Floats = np.ndarray[Any, np.dtype[np.float64]]
    Vectors = np.ndarray[Any, np.dtype[np.float32]]
    Indices = np.ndarray[Any, np.dtype[np.intp]]

T = TypeVar("T")

Cost = Literal["cheap", "embedding", "model"]
Direction = Literal["symmetric", "forward", "backward", "both"]


@dataclass(frozen=True, slots=True)
class Column:
    """One number of a pair.

    Attributes:
        name: of the column in every table; rules bound it by this name.
        meaning: a half-sentence for cards and reports.
        unit: what a value counts.
        low: smallest value by definition.
        high: largest value by definition.
        label: how a reader writes the name; empty: the name with spaces.
        title: of a picture; empty: the label.
        released: number among the columns of measures that every row is released with; None: it is
            released where the measure is the user's own.
    """

    name: str
    meaning: str
    unit: str
    low: float = 0.0
    high: float = math.inf
    label: str = ""
    title: str = ""
    released: int | None = None

    @property
    def shown(self) -> str:
        """The name as a reader writes it."""
        return self.label or self.name.replace("_", " ")

    @property
    def heading(self) -> str:
        """What stands above a picture of it."""
        return self.title or self.shown[0].upper() + self.shown[1:]

    @property
    def is_share(self) -> bool:
        """Whether it lies between 0 and 1 by definition."""
        return (self.low, self.high) == (0.0, 1.0)


class Critic(Protocol):
    """What a measure sees of the entailment critic."""

    def score(self, pairs: Sequence[tuple[str, str]]) -> Any:
        """Probabilities of entailment, neutral and contradiction, shape (len(pairs), 3)."""

    def score_each(self, pairs: Sequence[tuple[str, str]]) -> Any:
        """P(entailment) by each model of an ensemble alone, shape (models, len(pairs))."""


class Models(Protocol):
    """The models of a run, by role; each is loaded when it is first asked for."""

    def critic(self) -> Critic:
        """The entailment critic."""

    def encoder(self) -> SentenceEncoder | None:
        """The sentence encoder; None where the configuration names none."""

    def teacher(self) -> LoadedModel:
        """The teacher, with its tokenizer."""

    def parser(self) -> Parser:
        """The parser of the run."""


class Sentences:
    """Sentences that are compared with each other; whatever is made of one is made once.

    Args:
        texts: the sentences.
        vectors: unit embeddings, float32, shape (len(texts), d); None where there is no encoder.
        logprobs: of each under the teacher that drew it, in nats; None where none did.
    """

    def __init__(
        self,
        texts: Sequence[str],
        vectors: Vectors | None = None,
        logprobs: Floats | None = None,
    ) -> None:
        self.texts = list(texts)
        self.vectors = vectors
        self.logprobs = logprobs
        self._made: dict[Any, list[Any]] = {}

    def all(self, make: Callable[[list[str]], list[T]]) -> list[T]:
        """`make` of all texts together, computed at the first call."""
        if make not in self._made:
            self._made[make] = make(self.texts)
        return self._made[make]

    def each(self, make: Callable[[str], T]) -> list[T]:
        """`make` of every text, computed at the first call."""
        if make not in self._made:
            self._made[make] = [make(text) for text in self.texts]
        return self._made[make]


@dataclass
class Batch:
    """Ordered pairs of sentences that are measured together.

    Attributes:
        sentences: the texts, prepared once.
        source: index of each pair's source in `sentences`, shape (pairs,).
        target: index of each pair's target, shape (pairs,).
        models: of the roles that the measure names; None where it names none.
        contexts: text that the sentences of each pair continue, where the critic has read them.
    """

    sentences: Sentences
    source: Indices
    target: Indices
    models: Models | None = field(default=None)
    contexts: Sequence[str] | None = None

    @classmethod
    def of_texts(
        cls,
        sources: Sequence[str],
        targets: Sequence[str],
        models: Models | None = None,
        contexts: Sequence[str] | None = None,
    ) -> Batch:
        """Pairs given as texts; a text that stands in several is prepared once."""
        import numpy as np

        texts = dict.fromkeys([*sources, *targets])
        indices = {text: index for index, text in enumerate(texts)}
        source, target = (
            np.array([indices[text] for text in side], dtype=np.intp) for side in (sources, targets)
        )
        return cls(Sentences(list(texts)), source, target, models, contexts)

    def __len__(self) -> int:
        return len(self.source)

    @cached_property
    def sources(self) -> tuple[Indices, Indices]:
        """The sentences that are sources, each once, and each pair's index among them."""
        import numpy as np

        return np.unique(self.source, return_inverse=True)

    @cached_property
    def targets(self) -> tuple[Indices, Indices]:
        """The sentences that are targets, each once, and each pair's index among them."""
        import numpy as np

        return np.unique(self.target, return_inverse=True)

    def spread(self, matrix: np.ndarray[Any, Any]) -> Floats:
        """Each pair's value out of a matrix of all sources by all targets, as float64."""
        import numpy as np

        return matrix[self.sources[1], self.targets[1]].astype(np.float64)

    def only(self, rows: Indices) -> Batch:
        """Some of the pairs, of the same sentences."""
        contexts = None if self.contexts is None else [self.contexts[row] for row in rows]
        return Batch(self.sentences, self.source[rows], self.target[rows], self.models, contexts)

    def either_way(self) -> tuple[Batch, Indices]:
        """The pairs without the reverse and the repeats of any, and the index of each among them.

        Sentences in two contexts are two pairs.
        """
        import numpy as np

        ends = np.stack([self.source, self.target])
        numbers: dict[str, int] = {}
        contexts = [numbers.setdefault(one, len(numbers)) for one in self.contexts or ()]
        context = np.array(contexts or [0], dtype=np.int64)
        size = len(self.sentences.texts)
        key = (context * size + ends.min(axis=0)) * size + ends.max(axis=0)
        _, first, index = np.unique(key, return_index=True, return_inverse=True)
        return self.only(first), index

    def texts(self) -> list[tuple[str, str]]:
        """(source, target) of each pair, for a measure that reads them one by one."""
        texts = self.sentences.texts
        indices = zip(self.source.tolist(), self.target.tolist(), strict=True)
        return [(texts[i], texts[j]) for i, j in indices]


@dataclass(frozen=True)
class Measure:
    """A measure of an ordered pair.

    Attributes:
        name: of the measure; its columns have names of their own.
        columns: what `compute` gives.
        cost: cheap (the texts alone) and embedding (unit vectors) are measured before the critic
            and may bound pairs; model is measured on what the critic let through.
        direction: symmetric, or from source to target (forward), back, or both. One that is
            symmetric and of the cost model is computed once for a pair and its reverse.
        compute: a batch to one float array a column, shape (pairs,); NaN where there is no value.
        models: roles of the run's models that `compute` asks for (`critic`, `encoder`, `teacher`,
            `parser`).
        libraries: whose versions change the values, or that do not come with this package, by the
            name under which both Python and pip know them; a build looks for them before it
            begins, and notes their versions. One that only counts faster, such as rapidfuzz, is
            none.
        version: raised when the values change.
    """

    name: str
    columns: tuple[Column, ...]
    cost: Cost
    direction: Direction
    compute: Callable[[Batch], dict[str, Floats]]
    models: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    version: int = 1

    def check(self) -> None:
        """Refuse a measure that cannot be taken here.

        Raises:
            BuilderError: a library is not installed.
        """
        for library in self.libraries:
            if find_spec(library) is None:
                raise BuilderError(
                    f"the measure {self.name} needs {library}, which is not installed",
                    hint=f"pip install {library}",
                )

    def of(self, batch: Batch) -> dict[str, Floats]:
        """The columns of a batch, checked.

        Raises:
            BuilderError: `compute` gave other columns than it should, or not one value a pair; or
                as `check`.
        """
        import numpy as np

        self.check()
        once = self.direction == "symmetric" and self.cost == "model"
        asked, index = batch.either_way() if once else (batch, None)
        found = {
            name: np.asarray(values, dtype=np.float64)
            for name, values in self.compute(asked).items()
        }
        wanted = {column.name: (len(asked),) for column in self.columns}
        shapes = {name: values.shape for name, values in found.items()}
        if shapes != wanted:
            raise BuilderError(
                f"the measure {self.name} gave {shapes} instead of {wanted}",
                hint="compute gives every column, one number a pair",
            )
        return found if index is None else {name: one[index] for name, one in found.items()}
