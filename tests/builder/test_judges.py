"""What chooses among outputs: rules, entailment and P(valid); or entailment and other words."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from builder import judges
from builder.config import load_config
from builder.validity import measure, use
from dimsum.tasks.paraphrase import PARAPHRASE
from dimsum.tasks.summary import SUMMARY

PAIRS = [("a", "near copy"), ("a", "other words"), ("a", "doubtful")]


def values_of(task: str) -> dict[str, Any]:
    """Columns in which every rule of the preset holds for all pairs."""
    rules = load_config("embedded").rules[task]
    return {
        name: np.full(len(PAIRS), bound.lowest if np.isfinite(bound.lowest) else bound.highest)
        for name, bound in rules.items()
        if name != "validity" and not name.startswith("entail")
    }


def judge(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], entailed: Sequence[float]
) -> judges.Judge:
    likely = np.array([0.9, 0.8, 0.7])
    scores = dict(zip(PAIRS, entailed, strict=True))
    critic = SimpleNamespace(
        score=lambda pairs: np.array([scores.get(pair, scores.get(pair[::-1])) for pair in pairs])
    )
    model = SimpleNamespace(predict=lambda found: likely)
    monkeypatch.setattr(judges, "load_entailment_critic", lambda reference: critic)
    monkeypatch.setattr(use, "find_model", lambda config: model)
    monkeypatch.setattr(measure, "open_models", lambda config: None)
    monkeypatch.setattr(
        measure, "measure_labels", lambda labels, config, models: SimpleNamespace(values=values)
    )
    return judges.make_pair_judge("any")


def test_what_a_build_would_keep_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    values = values_of("paraphrase")
    values["rouge_l"] = np.array([0.99, 0.5, 0.5])  # the first is nearly its source
    found = judge(monkeypatch, values, [0.99, 0.95, 0.5])(PAIRS, PARAPHRASE)
    assert found == pytest.approx([0.99 * 0.9 - 0.1, 0.9 + 0.95 * 0.8, 0.5 * 0.7 - 0.1])


def test_what_is_not_known_of_an_output_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No teacher drew it, so there is no log-probability; the preset has a rule on it."""
    values = values_of("summary")
    assert "source_logprob" in values
    values["source_logprob"] = np.full(3, np.nan)
    found = judge(monkeypatch, values, [0.95, 0.99, 0.5])(PAIRS, SUMMARY)
    assert found == pytest.approx([0.9 + 0.95 * 0.9, 0.9 + 0.99 * 0.8, 0.5 * 0.7 - 0.1])


def test_the_least_like_its_source_that_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "the old dog sleeps"
    forward = {"the old dog sleeps": 1.0, "asleep is the old dog": 0.9, "a cat": 0.05, "": np.nan}
    backward = {"asleep is the old dog": 0.8, "the old dog sleeps": 1.0, "a cat": 0.9, "": np.nan}

    def score(pairs: Sequence[tuple[str, str]]) -> Any:
        return np.array([forward[b] if a == source else backward[a] for a, b in pairs])

    monkeypatch.setattr(judges, "load_entailment_critic", lambda _: SimpleNamespace(score=score))
    pairs = [(source, output) for output in forward]
    value = judges.JUDGES["difference"]("any")
    # Three of four words and of five stand in the source's order.
    alike = 2 * 3 / (4 + 5)
    assert value(pairs, PARAPHRASE) == pytest.approx([0, 0.8 * (1 - alike), 0.05, 0])
    assert value(pairs, SUMMARY) == pytest.approx([0, 0.9 * (1 - alike), 0.05, 0])
