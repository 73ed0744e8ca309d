"""What a sentence is about: the words that another sentence is asked to say as well.

Which extractor the paper's first version used is not known; statistics of the sentence need no
model, and words of content are one of those of the same group's later work (JAMDEC, Fisher et al.
2024).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, Protocol

from builder.sentences import nlp

Kind = Literal["yake", "content"]

CONTENT = ("PROPN", "NOUN", "NUM", "VERB", "ADJ")
"""spaCy's parts of speech that carry content, the most salient first."""

_TAGGER_NEEDS = frozenset({"tok2vec", "tagger", "attribute_ruler"})
# Words that stand in the sentence twice or not as whole words are dropped, so more are asked for.
_SPARE = 4


class KeywordExtractor(Protocol):
    """Finds the keywords of one sentence."""

    def find(self, sentence: str) -> list[str]:
        """At most `count` keywords, the most salient first, each spelt as in the sentence.

        None lies inside another. A sentence without any gives an empty list.
        """


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
        """See `KeywordExtractor`."""
        scored = self._yake.extract_keywords(sentence) if sentence.strip() else []
        spans = [(float(score), *locate(word, sentence)) for word, score in scored]
        return choose_spans(sentence, [span[1:] for span in sorted(spans)], self.count)


class ContentWords:
    """Words of content by part of speech, in the order of `CONTENT`, and then by position.

    Args:
        count: most keywords.
    """

    def __init__(self, count: int = 3) -> None:
        self.count = count

    def find(self, sentence: str) -> list[str]:
        """See `KeywordExtractor`."""
        spans = find_content_words(sentence)
        return choose_spans(sentence, [span[1:] for span in sorted(spans)], self.count)


def make_extractor(kind: Kind, count: int = 3) -> KeywordExtractor:
    """The extractor that a configuration names."""
    return YakeKeywords(count) if kind == "yake" else ContentWords(count)


def find_content_words(sentence: str) -> list[tuple[int, int, int]]:
    """Content words as (rank of the part of speech, first character, end), in text order.

    Stop words and signs are left out.
    """
    pipeline = nlp()
    idle = [name for name in pipeline.pipe_names if name not in _TAGGER_NEEDS]
    with pipeline.select_pipes(disable=idle):
        document = pipeline(sentence)
    spans: list[tuple[int, int, int]] = []
    for token in document:
        # "will" and "have" are content by tag alone; a number word such as "five" is not a sign.
        stops = token.is_stop and token.pos_ not in {"PROPN", "NUM"}
        if token.pos_ in CONTENT and not stops and any(map(str.isalnum, token.text)):
            spans.append((CONTENT.index(token.pos_), token.idx, token.idx + len(token.text)))
    return spans


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
