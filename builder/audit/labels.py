"""Answers joined into labels: one row for each pair that every reader judged."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal, get_args

from builder.audit.answers import Answer, Answers, Values
from builder.audit.key import Key, Pair

Joined = Literal["all", "majority"]
JOINED: tuple[Joined, ...] = get_args(Joined)
"""Yes by all readers; yes by more than half of them, which for two readers is the same."""


@dataclass(frozen=True, slots=True)
class Label:
    """A pair of the sample with the first answer of each reader.

    Attributes:
        weight: rows of the population that it stands for.
    """

    pair: Pair
    weight: float
    readers: tuple[Answer, ...]

    def yes(self, question: str, joined: Joined = "all") -> bool:
        """Whether the readers together say yes."""
        said = sum(answer.values[0][question] is True for answer in self.readers)
        return said == len(self.readers) if joined == "all" else 2 * said > len(self.readers)


def take_first_answers(key: Key, answers: Answers) -> dict[str, dict[str, Answer]]:
    """Row -> reader -> the answer to its first showing; known items are among the rows."""
    found: dict[str, dict[str, Answer]] = {}
    for reader, given in answers.by_reader.items():
        for answer in given.values():
            if not answer.showing.again:
                found.setdefault(answer.showing.row, {})[reader] = answer
    return found


def make_labels(key: Key, answers: Answers) -> list[Label]:
    """Pairs that every reader who answered at all judged whole.

    The weight of a pair is the rows of its stratum over the pairs of it that were judged: orders
    are random, so what a reader did not come to is missing at random.
    """
    first = take_first_answers(key, answers)
    read: list[tuple[Pair, tuple[Answer, ...]]] = []
    for pair in key.pairs:
        by_reader = first.get(pair.id, {})
        given = tuple(by_reader[r] for r in answers.by_reader if r in by_reader)
        judged = len(given) == len(answers.by_reader) and all(answer.whole for answer in given)
        if pair.right is None and judged:
            read.append((pair, given))
    counts = Counter(pair.stratum for pair, _ in read)
    return [
        Label(pair, key.sizes[pair.stratum] / counts[pair.stratum], given) for pair, given in read
    ]


def as_row(label: Label, readers: list[str]) -> dict[str, Any]:
    """A label as a line of labels.jsonl."""
    said: list[dict[str, Any]] = []
    for reader, answer in zip(readers, label.readers, strict=True):
        values: Values = answer.values[0]
        said.append({"reader": reader, **values, "note": answer.note})
    pair = label.pair.model_dump(exclude={"right", "stratum"})
    return {**pair, "weight": label.weight, "readers": said}
