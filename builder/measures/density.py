"""density: how long the stretches are that the target copies (Grusky et al., 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder.measures.base import Batch, Column, Measure
from dimsum.metrics.fragments import sum_squares
from dimsum.metrics.words import split_words

if TYPE_CHECKING:
    from builder.measures.base import Floats


def compute(batch: Batch) -> dict[str, Floats]:
    """Squared lengths of shared fragments over the target's tokens; 0 for a target without."""
    import numpy as np

    words = batch.sentences.each(split_words)
    squares = sum_squares(words, batch.source, batch.target)
    sizes = np.array([len(sentence) for sentence in words], dtype=np.float64)
    found = squares / np.maximum(sizes[batch.target], 1.0)
    return {"density": found}


MEASURE = Measure(
    name="density",
    columns=(
        Column(
            "density",
            "squared lengths of shared fragments over the target's tokens",
            "squared shared fragments over the target's tokens",
            title="Extractive density",
            released=4,
        ),
    ),
    cost="cheap",
    direction="forward",
    compute=compute,
)
