"""density: how long the stretches are that the target copies (Grusky et al., 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder.measures.base import Batch, Column, Measure
from dimsum.metrics.overlap import fragments, tokens

if TYPE_CHECKING:
    from builder.measures.base import Floats


def compute(batch: Batch) -> dict[str, Floats]:
    """Squared lengths of shared fragments over the target's tokens; 0 for a target without."""
    import numpy as np

    words = batch.sentences.each(tokens)
    found = np.zeros(len(batch))
    places = zip(batch.source.tolist(), batch.target.tolist(), strict=True)
    for row, (source, target) in enumerate(places):
        if words[target]:
            shared = fragments(words[source], words[target])
            found[row] = sum(n * n for n in shared) / len(words[target])
    return {"density": found}


MEASURE = Measure(
    name="density",
    columns=(
        Column(
            "density",
            "squared lengths of shared fragments over the target's tokens",
            "squared shared fragments over the target's tokens",
            title="Extractive density",
        ),
    ),
    cost="cheap",
    direction="forward",
    compute=compute,
    pairwise=True,
)
