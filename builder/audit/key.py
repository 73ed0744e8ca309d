"""The private key of an audit: which item is which row, its stratum and its score.

Readers do not get it. Answers are only understood through it.
"""

from __future__ import annotations

import random
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from builder.audit.questions import PAIR_QUESTIONS, Kind, Question, list_comparison_questions
from builder.errors import ConfigError
from builder.store import make_seed
from dimsum.files import write_text

KEY_FILE = "private/key.json"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Corpus(_Part):
    """What was drawn from.

    Attributes:
        folder: where it lay; of a file its path.
        rows: digest of the ids of the released rows; of a comparison, of the sources.
        count: of them.
        score: the column whose thirds were strata.
    """

    name: str
    origin: Literal["run", "release", "file", "outputs"]
    folder: str
    rows: str
    count: int
    score: str = ""


class Pair(_Part):
    """A row of the sample; `stratum` is empty for a known item, which has its right answers."""

    id: str
    source: str
    target: str
    task: str
    control: str = ""
    domain: str = ""
    stage: str = ""
    reason: str = ""
    score: float | None = None
    stratum: str = ""
    right: dict[str, bool] | None = None


class Compared(_Part):
    """A source and what each system made of it; systems that wrote the same share an output."""

    id: str
    source: str
    task: str
    outputs: tuple[str, ...]
    systems: dict[str, int]

    def shuffle(self, seed: int, item: str) -> tuple[int, ...]:
        """An order of the outputs that another item does not share."""
        indices = range(len(self.outputs))
        return tuple(random.Random(make_seed(seed, "outputs", item)).sample(indices, len(indices)))


class Showing(_Part):
    """One item on a sheet: a row as a reader sees it, maybe for the second time.

    Attributes:
        item: as the reader's answers name it.
        row: the pair, or the source, by id.
        again: shown a second time.
        order: of a comparison, the outputs as they stand on the sheet.
    """

    item: str
    row: str
    again: bool = False
    order: tuple[int, ...] = ()


class Key(_Part):
    """All of an audit.

    Attributes:
        audit: its name, a digest of everything else.
        sizes: rows of the population in each stratum.
        sheets: reader -> items in order.
        question: of a comparison, the task's own.
        hints: what source and target are to each other, by task.
    """

    format: Literal[1] = 1
    audit: str
    kind: Kind
    corpus: Corpus
    seed: int
    drawn: str
    sizes: dict[str, int]
    pairs: tuple[Pair, ...] = ()
    compared: tuple[Compared, ...] = ()
    sheets: dict[str, tuple[Showing, ...]]
    question: Question | None = None
    hints: dict[str, str] = {}

    @property
    def asked(self) -> tuple[Question, ...]:
        """What each item is asked."""
        if self.kind == "pairs":
            return PAIR_QUESTIONS
        return list_comparison_questions(self.compared[0].task, self.question)

    @property
    def questions(self) -> tuple[str, ...]:
        """Names of what each item is asked."""
        return tuple(question.name for question in self.asked)

    @cached_property
    def pair_of(self) -> dict[str, Pair]:
        """Pairs by id."""
        return {pair.id: pair for pair in self.pairs}

    @cached_property
    def compared_of(self) -> dict[str, Compared]:
        """Sources by id."""
        return {one.id: one for one in self.compared}

    def write(self, folder: Path) -> None:
        """Write it where readers do not look."""
        write_text(folder / KEY_FILE, self.model_dump_json(indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Key:
        """The key of an audit's folder.

        Raises:
            ConfigError: no folder of an audit, or a damaged key.
        """
        path = folder / KEY_FILE
        if not path.is_file():
            raise ConfigError(
                f"{folder} is no folder of an audit: {KEY_FILE} is not in it",
                hint="`dimsum audit draw` makes one; the key must stay in it",
            )
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, ValidationError) as error:
            raise ConfigError(
                f"{path} is not the key that was drawn", hint="take it from a copy of the folder"
            ) from error


def show_item(key: Key, showing: Showing) -> dict[str, Any]:
    """What a reader sees of an item: never its score, its stratum or its systems."""
    if key.kind == "pairs":
        pair = key.pair_of[showing.row]
        return {"task": pair.task, "source": pair.source, "target": pair.target}
    one = key.compared_of[showing.row]
    return {
        "task": one.task,
        "source": one.source,
        "outputs": [one.outputs[index] for index in showing.order],
    }
