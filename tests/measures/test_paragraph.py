"""The measure of a source of several sentences that asks the teacher."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from builder.measures.base import Batch
from builder.measures.flow import MEASURE as FLOW
from builder.models import load_causal

FIRST, SECOND, THIRD = "The old dog sleeps near the river.", "Two birds eat.", "Mary sings."


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
