"""likelihood: how likely the teacher found the sentences that it drew.

A sentence of names and words that do not exist, or one that contradicts itself, surprises the model
that wrote it. Among pairs that a model of P(valid) holds for likely, readers' answers go with the
source's log-probability a word (docs/validity.md).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from builder.measures.base import Batch, Column, Measure

if TYPE_CHECKING:
    from builder.measures.base import Floats

UNIT = "nats a word at temperature 1"


def compute(batch: Batch) -> dict[str, Floats]:
    """Log-probabilities a word; NaN where it is not known how a sentence came about."""
    import numpy as np

    drawn = batch.sentences.logprobs
    if drawn is None:
        drawn = np.full(len(batch.sentences.texts), np.nan)
    words = np.array(batch.sentences.each(lambda text: max(len(text.split()), 1)))
    a_word = drawn / words
    return {"source_logprob": a_word[batch.source], "target_logprob": a_word[batch.target]}


def _make_column(side: str) -> Column:
    return Column(
        f"{side}_logprob",
        f"log-probability of the {side} under the teacher that drew it, a word",
        UNIT,
        low=-math.inf,
        high=0.0,
        title=f"Log-probability of the {side} a word",
    )


MEASURE = Measure(
    name="likelihood",
    columns=(_make_column("source"), _make_column("target")),
    cost="cheap",
    direction="both",
    compute=compute,
)
