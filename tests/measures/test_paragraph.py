"""Measures of a source of several sentences that ask the encoder or the teacher."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from builder.measures.base import Batch
from builder.measures.centrality import MEASURE as CENTRALITY
from builder.measures.flow import MEASURE as FLOW
from builder.models import load_causal

FIRST, SECOND, THIRD = "The old dog sleeps near the river.", "Two birds eat.", "Mary sings."

ANGLES = {FIRST: 0.0, SECOND: 60.0, THIRD: 90.0, "The dog sleeps.": 30.0}


class Encoder:
    """The unit vector of an angle for each sentence; nothing else can be asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> Any:
        self.asked += texts
        angles = [math.radians(ANGLES[text]) for text in texts]
        return np.array([[math.cos(a), math.sin(a)] for a in angles], dtype=np.float32)


def test_centrality_is_the_cosine_with_the_farthest_sentence() -> None:
    encoder = Encoder()
    models: Any = SimpleNamespace(encoder=lambda: encoder)
    sources = [f"{FIRST} {SECOND}", f"{FIRST} {SECOND} {THIRD}", f"{FIRST} {SECOND}"]
    targets = [FIRST, "The dog sleeps.", "The dog sleeps."]
    found = CENTRALITY.of(Batch.of_texts(sources, targets, models))["least_cosine"]
    degrees = (60, 60, 30)
    assert found == pytest.approx([math.cos(math.radians(a)) for a in degrees], abs=1e-6)
    assert len(encoder.asked) == len(set(encoder.asked))


def test_centrality_without_an_encoder_or_pairs_is_nothing() -> None:
    models: Any = SimpleNamespace(encoder=lambda: None)
    found = CENTRALITY.of(Batch.of_texts([f"{FIRST} {SECOND}"], [FIRST], models))
    assert np.isnan(found["least_cosine"]).all()
    assert len(CENTRALITY.of(Batch.of_texts([], [], models))["least_cosine"]) == 0


def test_flow_is_that_of_the_unlikeliest_sentence_behind_those_before(toy_teacher: Path) -> None:
    teacher = load_causal(str(toy_teacher), device="cpu", dtype="float32")
    models: Any = SimpleNamespace(teacher=lambda: teacher)

    def mean(prompt: str, text: str) -> float:
        start, whole = (teacher.tokenizer(t).input_ids for t in (prompt, f"{prompt} {text}"))
        with torch.no_grad():
            logits = teacher.model(input_ids=torch.tensor([whole])).logits[0]
        each = logits.double().log_softmax(-1)[range(len(whole) - 1), whole[1:]]
        return float(each[len(start) - 1 :].mean())

    sources = [f"{FIRST} {SECOND} {THIRD}", f"{THIRD} {SECOND}", FIRST]
    batch = Batch.of_texts(sources, ["A cat sits."] * 3, models)
    found = FLOW.of(batch)["least_flow"]
    steps = [mean(FIRST, SECOND), mean(f"{FIRST} {SECOND}", THIRD)]
    assert steps[0] != pytest.approx(steps[1], rel=1e-3)
    assert found[0] == pytest.approx(min(steps), rel=1e-4)
    assert found[1] == pytest.approx(mean(THIRD, SECOND), rel=1e-4)
    assert math.isnan(found[2])  # one sentence follows none
    assert len(FLOW.of(Batch.of_texts([], [], models))["least_flow"]) == 0


def test_flow_of_what_the_teacher_cannot_read_is_missing(toy_teacher: Path) -> None:
    teacher = load_causal(str(toy_teacher), device="cpu", dtype="float32")
    models: Any = SimpleNamespace(teacher=lambda: teacher)
    long = "The old dog sleeps near the river " + "and the river " * 3000 + "ends."
    found = FLOW.of(Batch.of_texts([f"{FIRST} {SECOND} {long}"], [FIRST], models))
    assert np.isnan(found["least_flow"]).all()
