"""entailment: what the critic says of both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder.measures.base import Batch, Column, Measure

if TYPE_CHECKING:
    from builder.measures.base import Floats

FORWARD = "entail_forward"
BACKWARD = "entail_backward"
DIRECTIONS = {"forward": FORWARD, "backward": BACKWARD}
"""Columns that the floor of the scores holds for, by the direction of a task."""


def compute(batch: Batch) -> dict[str, Floats]:
    """The critic's probabilities, each direction after its other; NaN where none fits memory."""
    import numpy as np

    assert batch.models is not None
    both = [pair for one in batch.texts() for pair in (one, one[::-1])]
    scores = np.asarray(batch.models.critic().score(both), dtype=np.float64)
    return {
        FORWARD: scores[0::2, 0],
        "neutral_forward": scores[0::2, 1],
        BACKWARD: scores[1::2, 0],
        "neutral_backward": scores[1::2, 1],
    }


def _make_column(name: str, meaning: str, title: str = "", released: int | None = None) -> Column:
    unit = "the critic's probability"
    return Column(name, meaning, unit, high=1.0, title=title, released=released)


MEASURE = Measure(
    name="entailment",
    columns=(
        _make_column(FORWARD, "the critic's P(source entails target)", "Source entails target", 0),
        _make_column("neutral_forward", "the critic's P(source is neutral to target)"),
        _make_column(BACKWARD, "the critic's P(target entails source)", "Target entails source", 1),
        _make_column("neutral_backward", "the critic's P(target is neutral to source)"),
    ),
    cost="model",
    direction="both",
    compute=compute,
    models=("critic",),
)
