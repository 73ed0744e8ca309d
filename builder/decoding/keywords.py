"""What a sentence is about: the words that another sentence is asked to say as well.

Three extractors behind one interface. Which one the paper's first version used is not known;
the same group's later work offers words of content and embedding similarity (JAMDEC, Fisher et
al. 2024).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal, Protocol

import numpy as np

from builder.sentences import nlp

Order = Literal["salience", "text"]
Kind = Literal["yake", "content", "similarity"]

CONTENT = ("PROPN", "NOUN", "NUM", "VERB", "ADJ")
"""spaCy's parts of speech that carry content, the most telling first."""

_TAGGER_NEEDS = frozenset({"tok2vec", "tagger", "attribute_ruler"})
# Candidates that overlap a better one are dropped, so more are asked for than are kept.
_SPARE = 4


class KeywordExtractor(Protocol):
    """Finds the keywords of one sentence."""

    def keywords(self, sentence: str) -> list[str]:
        """At most `count` keywords, each spelt as in the sentence, none inside another.

        A sentence without any gives an empty list.
        """


class YakeKeywords:
    """Statistics of the sentence itself (Campos et al. 2020, YAKE!), no model.

    Args:
        count: most keywords.
        order: "salience", the best first, or "text", as they come.
        words: most words of a keyword.
    """

    def __init__(self, count: int = 3, order: Order = "salience", *, words: int = 1) -> None:
        from yake import KeywordExtractor as Yake

        self.count, self.order = count, order
        self._yake = Yake(lan="en", n=words, top=_SPARE * count * words, dedupLim=0.9)

    def keywords(self, sentence: str) -> list[str]:
        """See `KeywordExtractor`."""
        scored = self._yake.extract_keywords(sentence) if sentence.strip() else []
        spans = [(float(score), *locate(word, sentence)) for word, score in scored]
        ranked = [span[1:] for span in sorted(spans)]
        return chosen(sentence, ranked, self.count, self.order)


class ContentWords:
    """Words of content by part of speech.

    Salience is the part of speech, in the order of `CONTENT`, and then the position.

    Args:
        count: most keywords.
        order: "salience" or "text".
        merged: neighbouring content words make one keyword.
    """

    def __init__(self, count: int = 3, order: Order = "salience", *, merged: bool = False) -> None:
        self.count, self.order, self.merged = count, order, merged

    def keywords(self, sentence: str) -> list[str]:
        """See `KeywordExtractor`."""
        spans = content_spans(sentence, merged=self.merged)
        ranked = [(first, last) for _, first, last in sorted(spans)]
        return chosen(sentence, ranked, self.count, self.order)


class SimilarWords:
    """Words of content, those nearest to the whole sentence first (as KeyBERT).

    Args:
        count: most keywords.
        order: "salience" or "text".
        merged: neighbouring content words make one keyword.
        encoder: reference of a sentence encoder, see `builder.models`.

    Raises:
        BuilderError: the encoder is not there.
    """

    def __init__(
        self,
        count: int = 3,
        order: Order = "salience",
        *,
        merged: bool = False,
        encoder: str = "embedded:minilm-l6",
    ) -> None:
        from builder.critics.embedding import SentenceEncoder

        self.count, self.order, self.merged = count, order, merged
        self._encoder: Any = SentenceEncoder.load(encoder)

    def keywords(self, sentence: str) -> list[str]:
        """See `KeywordExtractor`."""
        spans = [(first, last) for _, first, last in content_spans(sentence, merged=self.merged)]
        if not spans:
            return []
        words = [sentence[first:last] for first, last in spans]
        vectors = self._encoder.encode([sentence, *words])
        nearness = vectors[1:] @ vectors[0]
        ranked = [spans[i] for i in np.argsort(-nearness, kind="stable")]
        return chosen(sentence, ranked, self.count, self.order)


def extractor(kind: Kind, count: int = 3, order: Order = "salience") -> KeywordExtractor:
    """The extractor that a configuration names."""
    made: dict[Kind, type[YakeKeywords] | type[ContentWords] | type[SimilarWords]] = {
        "yake": YakeKeywords,
        "content": ContentWords,
        "similarity": SimilarWords,
    }
    return made[kind](count, order)


def content_spans(sentence: str, *, merged: bool = False) -> list[tuple[int, int, int]]:
    """Content words as (rank of the part of speech, first character, end), in text order.

    Stop words and signs are left out. A merged span has the best rank of its words.
    """
    pipeline = nlp()
    idle = [name for name in pipeline.pipe_names if name not in _TAGGER_NEEDS]
    with pipeline.select_pipes(disable=idle):
        document = pipeline(sentence)
    spans: list[tuple[int, int, int]] = []
    before = -2
    for token in document:
        # "will" and "have" are content by tag alone; a number word such as "five" is not a sign.
        stops = token.is_stop and token.pos_ not in {"PROPN", "NUM"}
        if token.pos_ not in CONTENT or stops or not any(map(str.isalnum, token.text)):
            continue
        rank, first, last = CONTENT.index(token.pos_), token.idx, token.idx + len(token.text)
        if merged and token.i == before + 1:
            best, first, _ = spans.pop()
            rank = min(rank, best)
        spans.append((rank, first, last))
        before = token.i
    return spans


def locate(word: str, sentence: str) -> tuple[int, int]:
    """First character and end of `word` as whole words in any case; (-1, -1) where it is not."""
    spaced = r"\s+".join(map(re.escape, word.split()))
    found = re.search(rf"(?<!\w){spaced}(?!\w)", sentence, re.IGNORECASE) if spaced else None
    return found.span() if found else (-1, -1)


def chosen(sentence: str, ranked: Iterable[tuple[int, int]], count: int, order: Order) -> list[str]:
    """The first `count` spans that stand in the sentence, overlap none before, and are new."""
    kept: list[tuple[int, int]] = []
    said: set[str] = set()
    for first, last in ranked:
        word = sentence[first:last].casefold()
        free = all(last <= other or end <= first for other, end in kept)
        if first >= 0 and free and word not in said and len(kept) < count:
            kept.append((first, last))
            said.add(word)
    if order == "text":
        kept.sort()
    return [sentence[first:last] for first, last in kept]
