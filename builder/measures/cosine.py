"""cosine: how alike the sentence embeddings are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder.measures.base import Batch, Column, Measure

if TYPE_CHECKING:
    from builder.measures.base import Floats


def compute(batch: Batch) -> dict[str, Floats]:
    """Cosine of the unit embeddings in float32; NaN where there is no encoder."""
    import numpy as np

    vectors = batch.sentences.vectors
    if vectors is None:
        return {"cosine": np.full(len(batch), np.nan)}
    (sources, _), (targets, _) = batch.sources, batch.targets
    left = vectors[sources]
    right = left if np.array_equal(sources, targets) else vectors[targets]
    return {"cosine": batch.spread(left @ right.T)}


MEASURE = Measure(
    name="cosine",
    columns=(
        Column(
            "cosine",
            "cosine of the sentence embeddings of source and target",
            "cosine",
            low=-1.0,
            high=1.0,
        ),
    ),
    cost="embedding",
    direction="symmetric",
    compute=compute,
    models=("encoder",),
)
