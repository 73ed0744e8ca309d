"""flow: how likely the teacher finds each sentence of the source behind those before it.

A paragraph whose sentences do not belong together, or one of which makes no sense, surprises the
model that wrote it where that happens; over the whole paragraph the mean hides it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from builder.measures.base import Batch, Column, Measure
from builder.sentences import OF_SPLITTING, split

if TYPE_CHECKING:
    from builder.measures.base import Floats


def compute(batch: Batch) -> dict[str, Floats]:
    """The lowest mean log-probability a token of a sentence of the source but its first.

    NaN for a source of one sentence, and where one does not fit the teacher's positions.
    """
    import numpy as np

    from builder.decoding.forward import CausalForward
    from builder.decoding.likelihood import score_sentences

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
    wanted: dict[str, dict[str, None]] = {}
    for before, sentence in (step for each in steps.values() for step in each):
        wanted.setdefault(before, {})[sentence] = None
    scores = score_sentences(
        CausalForward(teacher.model), teacher.tokenizer, [*wanted], [*map(list, wanted.values())]
    )
    known = {
        (before, sentence): logprob / tokens
        for before, found in zip(wanted, scores, strict=True)
        for sentence, (logprob, tokens) in found.items()
    }
    lowest = {
        source: min((known.get(step, math.nan) for step in each), default=math.nan)
        if all(step in known for step in each)
        else math.nan
        for source, each in steps.items()
    }
    return {"least_flow": np.array([lowest[source] for source in sources], dtype=np.float64)}


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
