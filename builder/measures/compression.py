"""compression: how much shorter the target is than the source, in characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder.measures.base import Batch, Column, Measure

if TYPE_CHECKING:
    from builder.measures.base import Floats


def compute(batch: Batch) -> dict[str, Floats]:
    """Characters of the target over characters of the source; infinite for an empty source."""
    import numpy as np

    lengths = np.array(batch.sentences.each(len), dtype=np.float64)
    source, target = lengths[batch.source], lengths[batch.target]
    ratio = np.full(len(batch), np.inf)
    np.divide(target, source, out=ratio, where=source > 0)
    return {"compression": ratio}


MEASURE = Measure(
    name="compression",
    columns=(
        Column(
            "compression",
            "characters of the target over characters of the source",
            "characters of the target over those of the source",
            released=3,
        ),
    ),
    cost="cheap",
    direction="forward",
    compute=compute,
)
