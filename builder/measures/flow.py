"""flow: how likely the teacher finds each sentence of the source behind those before it.

A paragraph whose sentences do not belong together, or one of which makes no sense, surprises the
model that wrote it where that happens; over the whole paragraph the mean hides it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from builder.measures.base import Batch, Column, Measure
from builder.sentences import OF_SPLITTING, split

if TYPE_CHECKING:
    from builder.measures.base import Floats

Step = tuple[str, str]
"""The sentences of a source up to one, and that one."""


def compute(batch: Batch) -> dict[str, Floats]:
    """The lowest mean log-probability a token of a sentence of the source but its first.

    NaN for a source of one sentence, and where one does not fit the teacher's positions.
    """
    import numpy as np

    from builder.decoding.forward import CausalForward
    from builder.decoding.likelihood import score_pairs

    assert batch.models is not None
    sources = [source for source, _ in batch.texts()]
    if not sources:
        return {"least_flow": np.zeros(0)}
    teacher = batch.models.teacher()
    distinct = list(dict.fromkeys(sources))
    steps = {
        source: [(" ".join(sentences[:n]), sentences[n]) for n in range(1, len(sentences))]
        for source, sentences in zip(distinct, split(distinct), strict=True)
    }
    scores = score_pairs(
        CausalForward(teacher.model),
        teacher.tokenizer,
        (step for each in steps.values() for step in each),
    )
    lowest = {source: _find_lowest(each, scores) for source, each in steps.items()}
    return {"least_flow": np.array([lowest[source] for source in sources], dtype=np.float64)}


def _find_lowest(steps: list[Step], scores: Mapping[Step, tuple[float, int]]) -> float:
    """The lowest score a token; NaN for no step, and where one was not scored."""
    if not steps or not scores.keys() >= set(steps):
        return math.nan
    return min(logprob / tokens for logprob, tokens in map(scores.__getitem__, steps))


MEASURE = Measure(
    name="flow",
    columns=(
        Column(
            "least_flow",
            "lowest log-probability a token of a sentence of the source behind those before it",
            "nats a token at temperature 1",
            low=-math.inf,
            high=0.0,
        ),
    ),
    cost="model",
    direction="forward",
    compute=compute,
    models=("teacher",),
    libraries=OF_SPLITTING,
)
