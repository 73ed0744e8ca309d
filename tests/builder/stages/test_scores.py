"""The order in which the critic is asked, and what that spares."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from builder.config import load_config
from builder.stages import scores
from builder.stages.base import Work, make_table

ENTAILS = {("long one", "short"): 0.9, ("one", "two"): 0.8, ("two", "one"): 0.7}


class Critic:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.long: Counter[str] = Counter()

    def score(self, pairs: list[tuple[str, str]], on_tokens: Any) -> Any:
        self.asked += pairs
        rows = [[ENTAILS.get(p, 0.1), 0.05, 0.0] for p in pairs]
        return np.array(rows, dtype=np.float32).reshape(-1, 3)


class Models:
    def __init__(self) -> None:
        self.one = Critic()

    def critic(self) -> Critic:
        return self.one

    def encoder(self) -> None:
        return None


def row(source: str, target: str, tasks: str) -> dict[str, Any]:
    return {
        "context_id": "c",
        "source": source,
        "target": target,
        "method": "parallel",
        "for_paraphrase": "p" in tasks,
        "for_summary": "s" in tasks,
    }


def made(rows: list[dict[str, Any]]) -> tuple[Any, Critic]:
    models: Any = Models()
    table = make_table(rows, scores.list_pair_columns(load_config("embedded")))
    work = Work(load_config("embedded", ("scores.floor=0.5",)), 0, 0, {"pairs": table}, models)
    return scores.make(work), models.one


def test_a_failed_first_direction_spares_the_second() -> None:
    output, critic = made([row("a longer text", "b", "p"), row("x", "y", "s")])
    assert critic.asked == [("b", "a longer text"), ("x", "y")]
    assert output.table.num_rows == 0
    assert output.rejected == {"entailment_below_floor": 2}
    rejects = output.extra["rejects"].to_pylist()
    assert [r["entail_forward"] for r in rejects] == [None, pytest.approx(0.1)]
    assert [r["entail_backward"] for r in rejects] == [pytest.approx(0.1), None]


def test_each_direction_is_asked_once() -> None:
    output, critic = made([row("one", "two", "p"), row("two", "one", "p")])
    assert sorted(critic.asked) == [("one", "two"), ("two", "one")]
    kept = output.table.to_pylist()
    assert [r["entail_forward"] for r in kept] == pytest.approx([0.8, 0.7])
    assert [r["entail_backward"] for r in kept] == pytest.approx([0.7, 0.8])
    assert len(output.extra["links"]) == output.counters["directions"] == 2


def test_a_summary_needs_no_backward_entailment_but_has_its_score() -> None:
    output, critic = made([row("long one", "short", "s")])
    assert critic.asked == [("long one", "short"), ("short", "long one")]
    assert output.table.to_pylist()[0]["entail_backward"] == pytest.approx(0.1)


def test_a_paraphrase_below_the_floor_one_way_goes() -> None:
    output, _ = made([row("long one", "short", "p")])
    assert output.rejected == {"entailment_below_floor": 1}


def test_no_pairs_no_critic() -> None:
    output, critic = made([])
    assert (output.table.num_rows, output.entered, critic.asked) == (0, 0, [])
    assert output.extra["links"].num_rows == 0
