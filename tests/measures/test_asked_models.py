"""Measures that ask the critic or the teacher more than whether a source entails its target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from builder.config import CriticConfig, parse_config
from builder.critics.entailment import EntailmentCritic
from builder.measures.base import Batch
from builder.measures.critics import MEASURE as CRITICS
from builder.measures.information import MEASURE as INFORMATION
from builder.measures.margin import MEASURE as MARGIN
from builder.models import load_causal
from builder.stages.order import find_stage
from dimsum.errors import UsageError
from tests.toys import make_critic, make_teacher, toy_config

P = {("s", "t"): 0.9, ("s", "u"): 0.5, ("s", "v"): 0.1, ("u", "v"): 0.3, ("u", "s"): 0.2}


class Critic:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def score(self, pairs: Sequence[tuple[str, str]]) -> Any:
        self.asked += pairs
        return np.array([[P.get(pair, 0.0), 0.0, 0.0] for pair in pairs])


def test_a_margin_is_over_the_other_sentences_of_the_context() -> None:
    critic = Critic()
    models: Any = SimpleNamespace(critic=lambda: critic)
    pairs = [("s", "t"), ("u", "v"), ("s", "t")]
    batch = Batch.of_texts(*zip(*pairs, strict=True), models, ["c", "c", "d"])  # type: ignore[misc]
    found = MARGIN.of(batch)["margin"]
    assert found[0] == pytest.approx(0.9 - (0.5 + 0.1) / 2)
    assert found[1] == pytest.approx(0.3 - (0.2 + 0.0) / 2)
    assert math.isnan(found[2])  # nothing else was said after that context
    assert len(critic.asked) == len(set(critic.asked))


def test_each_critic_alone(tmp_path: Path) -> None:
    one = EntailmentCritic.load(CriticConfig(model=str(make_critic(tmp_path / "critic"))))
    pairs = [("The old dog sleeps.", "The dog sleeps."), ("A cat sits.", "Mary sings.")]
    alone = one.score(pairs)[:, 0]
    both: Any = EntailmentCritic([*one.models, *one.models], 512, "", "")
    models: Any = SimpleNamespace(critic=lambda: both)
    batch = Batch.of_texts([s for s, _ in pairs], [t for _, t in pairs], models)
    found = CRITICS.of(batch)
    assert found["entail_first"] == pytest.approx(alone, rel=1e-5)
    assert found["entail_second"] == pytest.approx(alone, rel=1e-5)
    assert found["critics_apart"].tolist() == [0, 0]
    models = SimpleNamespace(critic=lambda: one)
    single = CRITICS.of(Batch.of_texts(["A cat sits."], ["Mary sings."], models))
    assert np.isnan(single["entail_second"]).all() and np.isnan(single["critics_apart"]).all()


def test_information_is_what_whole_forward_passes_say(tmp_path: Path) -> None:
    teacher = load_causal(str(make_teacher(tmp_path / "teacher", steps=20)), dtype="float32")
    models: Any = SimpleNamespace(teacher=lambda: teacher)
    context, source, target = "News: Mary sings.", "The old dog sits on the road.", "The dog sits."
    batch = Batch.of_texts([source], [target], models, [context])
    found = INFORMATION.of(batch)

    def nats(prompt: str, text: str) -> float:
        start, ids = teacher.tokenizer(prompt).input_ids, teacher.tokenizer(f"{prompt} {text}")
        whole = torch.tensor([ids.input_ids])
        with torch.no_grad():
            logits = teacher.model(input_ids=whole).logits[0].double().log_softmax(-1)
        each = logits[:-1].gather(-1, whole[0, 1:, None])[:, 0]
        return float(each[len(start) - 1 :].sum())

    given_source = nats(f"{context} {source}", target)
    assert found["pmi"][0] == pytest.approx((given_source - nats(context, target)) / 3, rel=1e-4)
    given_target = nats(f"{context} {target}", source)
    assert found["unsaid"][0] == pytest.approx(given_target / nats(context, source), rel=1e-4)
    long = Batch.of_texts([source], [target], models, [context * 200])
    assert np.isnan(INFORMATION.of(long)["pmi"]).all()


def test_only_what_asks_the_teacher_depends_on_it(tmp_path: Path) -> None:
    plain = toy_config(tmp_path / "teacher", tmp_path / "critic")
    config = parse_config(plain)
    assert "teacher" not in find_stage("scores", config).roles(config)
    asking = parse_config({**plain, "measures": ["information", "margin", "critics"]})
    assert "teacher" in find_stage("scores", asking).roles(asking)
    student = {"number": 1, "corpus": "a", "earlier": "a", "student": {"model": "embedded:x"}}
    with pytest.raises(UsageError, match="a round has no teacher"):
        parse_config({**plain, "measures": ["information"], "round": student})
