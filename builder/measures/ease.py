"""ease: how much easier the target is to read: commoner words, a flatter tree, fewer words.

Frequencies are wordfreq's, on the Zipf scale: the logarithm to base 10 of a word's occurrences
among 10**9 words (van Heuven et al., 2014, "SUBTLEX-UK"). "The" has 7.7, "house" 5.7, "edifice"
2.9. The rarest word decides, since one word that a reader does not know is enough; names and
numbers are left out. English only; wordfreq comes with the extra `simplification`.

wordfreq's code is Apache-2.0, its word lists CC BY-SA 4.0, with data of Google Books Ngrams,
OpenSubtitles and SUBTLEX that ask for credit (its README says how). A release holds differences of
frequencies and no entry of a list.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from builder.analysis import OF_ANALYSIS, Analysis, analyse_all
from builder.measures.base import Batch, Column, Measure

if TYPE_CHECKING:
    from builder.measures.base import Floats

UNKNOWN = 0.0
"""Frequency of a word that the list lacks: rarer than all that it has."""


def compute(batch: Batch) -> dict[str, Floats]:
    """Differences target less source; NaN where a sentence has no word to compare."""
    import numpy as np

    found = batch.sentences.all(analyse_all)
    frequencies = [_list_frequencies(one) for one in found]
    rarest = np.array([min(each, default=math.nan) for each in frequencies])
    mean = np.array([sum(each) / len(each) if each else math.nan for each in frequencies])
    depth = np.array([float(one.depth) for one in found])
    words = np.array(batch.sentences.each(lambda text: float(len(text.split()))))

    def change(values: Floats) -> Floats:
        return np.asarray(values[batch.target] - values[batch.source])

    pairs = zip(batch.source.tolist(), batch.target.tolist(), strict=True)
    exchanged = [measure_exchanged_gain(found[i].plain, found[j].plain) for i, j in pairs]
    return {
        "rarest_gain": change(rarest),
        "mean_gain": change(mean),
        "depth_change": change(depth),
        "words_change": change(words),
        "exchanged_gain": np.array(exchanged),
    }


def measure_exchanged_gain(source: Sequence[str], target: Sequence[str]) -> float:
    """Mean frequency of the words that only the target has less that of those it does without.

    Zero where one of them has none: a target that only leaves words out exchanges none.
    """
    new, gone = Counter(target) - Counter(source), Counter(source) - Counter(target)
    if not new or not gone:
        return 0.0
    return _average(new) - _average(gone)


def _average(words: Counter[str]) -> float:
    return sum(n * _find_zipf(word) for word, n in words.items()) / words.total()


def _list_frequencies(one: Analysis) -> list[float]:
    return [_find_zipf(word) for word in one.plain]


@cache
def _find_zipf(word: str) -> float:
    from wordfreq import zipf_frequency

    return float(zipf_frequency(word, "en", minimum=UNKNOWN))


def _make_column(name: str, meaning: str, unit: str) -> Column:
    return Column(name, meaning, unit, low=-math.inf)


MEASURE = Measure(
    name="ease",
    columns=(
        _make_column(
            "rarest_gain",
            "frequency of the target's rarest word less the source's, by wordfreq (its lists are "
            "CC BY-SA 4.0; no entry of them is released)",
            "Zipf",
        ),
        _make_column("mean_gain", "mean frequency of the target's words less the source's", "Zipf"),
        _make_column(
            "depth_change", "depth of the target's tree less that of the source's", "edges"
        ),
        _make_column("words_change", "words of the target less those of the source", "count"),
        _make_column(
            "exchanged_gain",
            "mean frequency of the words that only the target has less that of those that only "
            "the source has, 0 where one has none",
            "Zipf",
        ),
    ),
    cost="cheap",
    direction="both",
    compute=compute,
    libraries=("wordfreq", *OF_ANALYSIS),
)
