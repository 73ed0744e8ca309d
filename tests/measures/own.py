"""Two measures of a user's own: one of the texts alone, one that asks the run's critic."""

from __future__ import annotations

from typing import Any

import numpy as np

from builder.measures.base import Batch, Column, Measure


def shared_first_word(batch: Batch) -> dict[str, Any]:
    """1 where both sentences begin with the same word, else 0."""
    first = np.array([text.split()[0] for text in batch.sentences.texts])
    return {"same_start": (first[batch.source] == first[batch.target]).astype(float)}


def margin(batch: Batch) -> dict[str, Any]:
    """How much more the critic believes in entailment than in neutrality."""
    assert batch.models is not None
    scores = batch.models.critic().score(batch.texts())
    return {"margin": scores[:, 0] - scores[:, 1]}


SAME_START = Measure(
    name="same_start",
    columns=(Column("same_start", "whether both begin with one word", "0 or 1", high=1.0),),
    cost="cheap",
    direction="symmetric",
    compute=shared_first_word,
)
MARGIN = Measure(
    name="margin",
    columns=(Column("margin", "entailment less neutrality", "difference", low=-1.0, high=1.0),),
    cost="model",
    direction="forward",
    compute=margin,
    models=("critic",),
)
