"""What a sentence is about: the words that another sentence is asked to say as well.

Which extractor the paper's first version used is not known; statistics of the sentence need no
model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# Words that stand in the sentence twice or not as whole words are dropped, so more are asked for.
_SPARE = 4


class YakeKeywords:
    """Single words by statistics of the sentence itself (Campos et al. 2020, YAKE!), no model.

    Args:
        count: most keywords.
    """

    def __init__(self, count: int = 3) -> None:
        from yake import KeywordExtractor as Yake

        self.count = count
        self._yake = Yake(lan="en", n=1, top=_SPARE * count, dedupLim=0.9)

    def find(self, sentence: str) -> list[str]:
        """At most `count` keywords, the most salient first, each spelt as in the sentence.

        None lies inside another. A sentence without any gives an empty list.
        """
        scored = self._yake.extract_keywords(sentence) if sentence.strip() else []
        spans = [(float(score), *locate(word, sentence)) for word, score in scored]
        return choose_spans(sentence, [span[1:] for span in sorted(spans)], self.count)


def locate(word: str, sentence: str) -> tuple[int, int]:
    """First character and end of `word` as whole words in any case; (-1, -1) where it is not."""
    spaced = r"\s+".join(map(re.escape, word.split()))
    found = re.search(rf"(?<!\w){spaced}(?!\w)", sentence, re.IGNORECASE) if spaced else None
    return found.span() if found else (-1, -1)


def choose_spans(sentence: str, ranked: Iterable[tuple[int, int]], count: int) -> list[str]:
    """The first `count` spans that stand in the sentence, overlap none before, and are new."""
    chosen: dict[str, tuple[int, int]] = {}
    for first, last in ranked:
        word = sentence[first:last].casefold()
        free = all(last <= other or end <= first for other, end in chosen.values())
        if first >= 0 and free and word not in chosen and len(chosen) < count:
            chosen[word] = (first, last)
    return [sentence[first:last] for first, last in chosen.values()]
