"""The choice among several outputs, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dimsum import Student
from dimsum.errors import UsageError
from dimsum.evaluation.matched import nearest_in_length
from dimsum.rerank import best_of, obeys
from dimsum.spec import Generation
from dimsum.tasks import TaskDefinition
from dimsum.tasks.paraphrase import PARAPHRASE
from dimsum.tasks.summary import SUMMARY

SOURCE = "The old dog sleeps in the garden, and the small cat waits near the river."
SHORT = "The old dog sleeps in the garden."
LONG = "The old dog sleeps in the garden, and the small cat waits."


class Scripted:
    """Writes what it is told to."""

    def write(self, sources: Sequence[str], code: str, n: int = 1, **more: Any) -> list[list[str]]:
        return [[LONG] if n == 1 else [SHORT, LONG, "A cat.", ""] for _ in sources]


def by_length(pairs: Sequence[tuple[str, str]], task: TaskDefinition) -> Any:
    return np.array([len(output) for _, output in pairs], dtype=float)


def chosen(code: str, sign: int = 1) -> str:
    student: Any = Scripted()
    judge = lambda pairs, task: sign * by_length(pairs, task)  # noqa: E731
    return best_of(student, [SOURCE], SUMMARY, code, 4, judge)[0]


def test_what_the_code_asks_for_comes_before_what_the_judge_values() -> None:
    assert chosen("short-extractive") == SHORT  # LONG is valued more, and is not short
    assert chosen("long-extractive", -1) == LONG
    assert obeys(SUMMARY, "short-extractive", SOURCE, SHORT)
    assert not obeys(SUMMARY, "long-extractive", SOURCE, SHORT)
    assert not obeys(PARAPHRASE, "paraphrase", SOURCE, SOURCE)
    assert obeys(PARAPHRASE, "paraphrase", SOURCE, LONG)


def test_equal_calls_choose_equally(toy_llama: Path) -> None:
    student = Student.from_pretrained(toy_llama, device="cpu", dtype="float32")
    student.spec.generation = Generation(max_new_tokens=6)
    found = [
        best_of(student, [SOURCE, ""], SUMMARY, "short-extractive", 3, by_length, seed=5)
        for _ in range(2)
    ]
    assert found[0] == found[1]
    assert found[0][1] == ""
    with pytest.raises(UsageError, match="at least one sample"):
        best_of(student, [SOURCE], SUMMARY, "short-extractive", 0, by_length)


def test_the_nearest_in_length_is_taken() -> None:
    assert nearest_in_length([["abc", "abcdef"], ["a", "bcd"]], ["abcde", "xy"]) == ["abcdef", "a"]
