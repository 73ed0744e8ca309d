"""passage: how many sentences both texts have, and how many of the source the target is about.

For tasks whose source is several sentences. What a target takes from one of them alone may be a
side remark; the point of a paragraph is mostly named in several. And a sentence from the middle of
a paragraph may begin with a pronoun that nobody understands without the sentence before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder.analysis import OF_ANALYSIS, analyse_all
from builder.measures.base import Batch, Column, Measure

if TYPE_CHECKING:
    from builder.measures.base import Floats

SOURCE_SENTENCES = "source_sentences"
"""The column by which tasks of one sentence are parted from tasks of several."""
POINTING = frozenset(
    {"he", "her", "his", "it", "its", "she", "such", "that", "their", "these", "they", "this"}
    | {"those"}
)
"""First words that point to a sentence before."""


def compute(batch: Batch) -> dict[str, Floats]:
    """Counts, the share of the source's sentences that share a content word (none is 0), and 1
    where the target begins by pointing to what is not there.
    """
    import numpy as np

    found = batch.sentences.all(analyse_all)
    rows = []
    for i, j in zip(batch.source.tolist(), batch.target.tolist(), strict=True):
        source, target = found[i].sentences, set(found[j].words)
        touched = sum(not target.isdisjoint(words) for words in source)
        first, other = (found[index].tokens[:1] for index in (j, i))
        points = first != other and not POINTING.isdisjoint(first)
        share = touched / max(len(source), 1)
        rows.append((len(source), len(found[j].sentences), share, points))
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
        Column(
            "points_back",
            "whether the target begins with a pronoun with which the source does not begin",
            "0 or 1",
            high=1.0,
        ),
    ),
    cost="cheap",
    direction="forward",
    compute=compute,
    libraries=OF_ANALYSIS,
)
