"""Lexical measures of the paper's Table 1, and the values that it prints for other corpora.

The table (Jung et al., arXiv:2305.16635v4) tells neither its tokens nor the length of a segment;
entropies in bits and segments of 1,000 tokens are in the range of its values. Each measure here
states its own definition.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SOURCE = "Table 1 of arXiv:2305.16635v4, which tells neither its tokens nor its segments"
SEGMENT = 1000
#: Of a corpus: n-grams of more would not fit a small machine's memory.
MOST_ROWS = 50_000

#: Corpus → (pairs in words, measure → value as printed, in this module's units).
PUBLISHED: dict[str, tuple[str, dict[str, float]]] = {
    "ParaBank1": ("57.0M", {"H2": 17.07, "H3": 21.66, "MSTTR": 0.4552, "Jaccard": 0.4841}),
    "ParaBank2": ("19.7M", {"H2": 17.48, "H3": 21.44, "MSTTR": 0.4616, "Jaccard": 0.4344}),
    "ChatGPT-Para": ("2.1M", {"H2": 17.67, "H3": 21.41, "MSTTR": 0.3583, "Jaccard": 0.4456}),
    "DIMPLE": ("4.2M", {"H2": 17.75, "H3": 22.46, "MSTTR": 0.5308, "Jaccard": 0.4362}),
}

_WORDS = "words between white space"
DEFINITIONS = {
    "H2": f"entropy of the targets' bigrams in bits, {_WORDS}; grows with the corpus, so only "
    "corpora of one size compare",
    "H3": f"entropy of the targets' trigrams in bits, {_WORDS}; grows as H2 does",
    "MSTTR": f"types over tokens of the targets, {_WORDS}, mean over segments of {SEGMENT:,}",
    "Jaccard": f"types that source and target share over all of both, lower-cased {_WORDS}, mean; "
    "lower is further apart",
}


@dataclass(frozen=True)
class TableOne:
    """The measures of one corpus; None where it is too small for the definition.

    Attributes:
        h2: bits.
        h3: bits.
        msttr: from 0 to 1.
        jaccard: from 0 to 1.
    """

    h2: float | None
    h3: float | None
    msttr: float | None
    jaccard: float | None

    def by_name(self) -> dict[str, float | None]:
        """By the names of the paper's columns."""
        return {"H2": self.h2, "H3": self.h3, "MSTTR": self.msttr, "Jaccard": self.jaccard}


def table_one(sources: Iterable[str], targets: Iterable[str]) -> TableOne:
    """Measures pairs of texts.

    Args:
        sources: one a pair.
        targets: in the same order.
    """
    words: list[list[str]] = []
    overlaps = []
    for source, target in zip(sources, targets, strict=True):
        words.append(target.split())
        overlaps.append(jaccard(source.lower().split(), target.lower().split()))
    return TableOne(
        h2=ngram_entropy(words, 2),
        h3=ngram_entropy(words, 3),
        msttr=msttr([token for text in words for token in text]),
        jaccard=math.fsum(overlaps) / len(overlaps) if overlaps else None,
    )


def ngram_entropy(texts: Iterable[Sequence[str]], n: int) -> float | None:
    """H = -sum p log2 p over the n-grams inside the texts, in bits; None without any."""
    counts = Counter(tuple(text[i : i + n]) for text in texts for i in range(len(text) - n + 1))
    total = counts.total()
    if not total:
        return None
    return math.log2(total) - math.fsum(c * math.log2(c) for c in counts.values()) / total


def msttr(tokens: Sequence[str], segment: int = SEGMENT) -> float | None:
    """Types over tokens, mean over whole segments; None for less than one segment."""
    whole = range(0, len(tokens) - segment + 1, segment)
    ratios = [len(set(tokens[start : start + segment])) / segment for start in whole]
    return math.fsum(ratios) / len(ratios) if ratios else None


def jaccard(first: Sequence[str], second: Sequence[str]) -> float:
    """Shared over all types of two texts; 1 for two empty ones."""
    one, other = set(first), set(second)
    return len(one & other) / len(one | other) if one or other else 1.0
