"""passage: how many sentences both texts have, and how many of the source the target is about.

For tasks whose source is several sentences. What a target takes from one of them alone may be a
side remark; the point of a paragraph is mostly named in several. And a sentence from the middle of
a paragraph may begin with a pronoun that nobody understands without the sentence before.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from builder.analysis import OF_ANALYSIS, Analysis, analyse_all
from builder.measures.base import Batch, Column, Measure
from builder.sentences import split

if TYPE_CHECKING:
    from builder.measures.base import Floats

SOURCE_SENTENCES = "source_sentences"
"""The column by which tasks of one sentence are parted from tasks of several."""
POINTING = frozenset(
    {"he", "her", "his", "it", "its", "she", "such", "that", "their", "these", "they", "this"}
    | {"those"}
)
"""First words that point to a sentence before."""


FURTHER = re.compile(
    r"\b(also|additionally|besides|furthermore|in addition|moreover"
    r"|although|but|however|nevertheless|on the other hand|though)\b",
    re.IGNORECASE,
)
"""What says that a sentence adds a point or turns to another, and does not explain one before."""
TAKEN_UP = 1 / 2
"""Share of a sentence's content words; a target with no more of them says nothing of it."""


def compute(batch: Batch) -> dict[str, Floats]:
    """Counts, the share of the source's sentences that share a content word (none is 0), 1 where
    the target begins by pointing to what is not there, the faults of each sentence alone, and the
    sentences with a further point that the target says nothing of.
    """
    import numpy as np

    found = batch.sentences.all(analyse_all)
    texts = batch.sentences.texts
    parts = {i: [(texts[i], found[i])] for i in dict.fromkeys(batch.source.tolist())}
    several = [i for i in parts if len(found[i].sentences) > 1]
    parts |= zip(several, _analyse_parts([texts[i] for i in several]), strict=True)
    rows = []
    for i, j in zip(batch.source.tolist(), batch.target.tolist(), strict=True):
        source, target = found[i].sentences, set(found[j].words)
        touched = sum(not target.isdisjoint(words) for words in source)
        first, other = (found[index].tokens[:1] for index in (j, i))
        points = first != other and not POINTING.isdisjoint(first)
        share = touched / max(len(source), 1)
        faults = sum(len(one.faults) for _, one in parts[i])
        missed = sum(_is_missed(text, one, target) for text, one in parts[i][1:])
        rows.append((len(source), len(found[j].sentences), share, points, faults, missed))
    values = np.array(rows, dtype=np.float64).reshape(len(rows), len(MEASURE.columns))
    return {column.name: values[:, n] for n, column in enumerate(MEASURE.columns)}


def _analyse_parts(texts: list[str]) -> list[list[tuple[str, Analysis]]]:
    """The sentences of each text, each analysed alone: a word may come again in another one."""
    parts = list(split(texts))
    each = iter(analyse_all([one for sentences in parts for one in sentences]))
    return [[(text, next(each)) for text in sentences] for sentences in parts]


def _is_missed(text: str, analysed: Analysis, target: set[str]) -> bool:
    """Whether a sentence has a further point of which the target says too little."""
    words = set(analysed.words)
    return FURTHER.search(text) is not None and len(words & target) <= TAKEN_UP * len(words)


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
        Column(
            "sentence_faults",
            "signs that a sentence of the source is not well-formed, in each alone",
            "count",
        ),
        Column(
            "points_missed",
            "later sentences of the source with a further point of which the target says nothing",
            "sentences",
        ),
    ),
    cost="cheap",
    direction="forward",
    compute=compute,
    version=3,
    libraries=OF_ANALYSIS,
)
