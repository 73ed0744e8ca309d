"""passage: how many sentences both texts have, and how many of the source the target is about.

For tasks whose source is several sentences. What a target takes from one of them alone may be a
side remark; the point of a paragraph is mostly named in several.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder.analysis import analyse_all
from builder.measures.base import Batch, Column, Measure

if TYPE_CHECKING:
    from builder.measures.base import Floats

SOURCE_SENTENCES = "source_sentences"
"""The column by which tasks of one sentence are told from tasks of several."""


def compute(batch: Batch) -> dict[str, Floats]:
    """Counts, and the share of the source's sentences that share a content word; none is 0."""
    import numpy as np

    found = batch.sentences.all(analyse_all)
    rows = []
    for i, j in zip(batch.source.tolist(), batch.target.tolist(), strict=True):
        source, target = found[i].sentences, set(found[j].words)
        touched = sum(not target.isdisjoint(words) for words in source)
        rows.append((len(source), len(found[j].sentences), touched / max(len(source), 1)))
    values = np.array(rows, dtype=np.float64).reshape(len(rows), len(MEASURE.columns))
    return {column.name: values[:, n] for n, column in enumerate(MEASURE.columns)}


MEASURE = Measure(
    name="passage",
    columns=(
        Column(SOURCE_SENTENCES, "sentences of the source", "count"),
        Column("target_sentences", "sentences of the target", "count"),
        Column(
            "sentences_touched",
            "share of the source's sentences that share a content word with the target",
            "share",
            high=1.0,
        ),
    ),
    cost="cheap",
    direction="forward",
    compute=compute,
)
