"""centrality: how near the target is to the sentence of the source that is farthest from it.

The point of a paragraph is what all its sentences are about. A target that is near to most of them
and far from one says a side remark, or the paragraph strays from its point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder.measures.base import Batch, Column, Measure
from builder.sentences import OF_SPLITTING, split

if TYPE_CHECKING:
    from builder.measures.base import Floats


def compute(batch: Batch) -> dict[str, Floats]:
    """The lowest cosine of the target with a sentence of the source; NaN without an encoder."""
    import numpy as np

    assert batch.models is not None
    pairs = batch.texts()
    encoder = batch.models.encoder() if pairs else None
    if encoder is None:
        return {"least_cosine": np.full(len(pairs), np.nan)}
    sources = list(dict.fromkeys(source for source, _ in pairs))
    parts = dict(zip(sources, split(sources), strict=True))
    texts = dict.fromkeys(target for _, target in pairs)
    for sentences in parts.values():
        texts.update(dict.fromkeys(sentences))
    vectors = dict(zip(texts, encoder.encode([*texts]), strict=True))
    lowest = [
        min(float(vectors[target] @ vectors[one]) for one in parts[source])
        for source, target in pairs
    ]
    return {"least_cosine": np.array(lowest, dtype=np.float64)}


MEASURE = Measure(
    name="centrality",
    columns=(
        Column(
            "least_cosine",
            "lowest cosine of the target's embedding with that of a sentence of the source",
            "cosine",
            low=-1.0,
            high=1.0,
        ),
    ),
    cost="model",
    direction="forward",
    compute=compute,
    models=("encoder",),
    libraries=OF_SPLITTING,
)
