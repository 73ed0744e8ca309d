"""rouge_l: the longest common subsequence of words as an F1 (Lin, 2004, section 3, beta 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder.measures.base import Batch, Column, Measure
from dimsum.metrics.overlap import measure_f1
from dimsum.metrics.words import split_words

if TYPE_CHECKING:
    from builder.measures.base import Floats


def compute(batch: Batch) -> dict[str, Floats]:
    """ROUGE-L F1; a sentence without words has 0 with every other.

    Each word becomes one character, so that the subsequence is one of strings, which rapidfuzz
    finds for all sources and targets in one call.
    """
    import numpy as np
    from rapidfuzz.distance import LCSseq
    from rapidfuzz.process import cdist

    words = batch.sentences.each(split_words)
    (sources, source), (targets, target) = batch.sources, batch.targets
    numbers: dict[str, int] = {}
    written = [
        "".join(chr(numbers.setdefault(word, len(numbers))) for word in sentence)
        for sentence in words
    ]
    left = [written[index] for index in sources.tolist()]
    right = left if np.array_equal(sources, targets) else [written[i] for i in targets.tolist()]
    common = batch.spread(cdist(left, right, scorer=LCSseq.similarity, dtype=np.int32))
    sizes = np.array([len(sentence) for sentence in words], dtype=np.float64)
    some = common > 0
    found = np.zeros(len(batch))
    found[some] = measure_f1(
        common[some], sizes[sources][source][some], sizes[targets][target][some]
    )
    return {"rouge_l": found}


MEASURE = Measure(
    name="rouge_l",
    columns=(
        Column(
            "rouge_l",
            "ROUGE-L F1 of source and target",
            "F1",
            high=1.0,
            label="ROUGE-L",
            title="ROUGE-L of source and target",
            released=2,
        ),
    ),
    cost="cheap",
    direction="symmetric",
    compute=compute,
)
