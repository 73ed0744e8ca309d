"""Sentences: where they end, and which of them are worth keeping."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from dimsum.english import nlp as nlp

FINAL_MARKS = (".", "?", "!")
CLOSING = "\"'”’)]"
MIN_CHARACTERS = 3
OF_SPLITTING = ("spacy",)
"""Libraries whose versions change where a sentence ends."""

SPLITTER_NEEDS = frozenset({"tok2vec", "parser"})


def split(texts: Iterable[str]) -> Iterator[list[str]]:
    """The sentences of each text, stripped, in order; runs only what finds boundaries."""
    pipeline = nlp()
    idle = [name for name in pipeline.pipe_names if name not in SPLITTER_NEEDS]
    with pipeline.select_pipes(disable=idle):
        for document in pipeline.pipe(texts, batch_size=64):
            yield [text for s in document.sents if (text := s.text.strip())]


def tidy(text: str) -> str:
    """Collapse spaces; newlines stay, because they show that a sentence was broken."""
    return " ".join(part for part in text.replace("\r", "\n").split(" ") if part)


def find_fault(sentence: str, max_characters: int, forbidden: tuple[str, ...] = ()) -> str | None:
    """Why a sentence is not kept, or None.

    Source: the released code keeps sentences of at least 3 characters, without newline, that end
    in . ? or !; a closing quote or bracket may follow here.
    """
    if len(sentence) < MIN_CHARACTERS:
        return "too_short"
    if len(sentence) > max_characters:
        return "too_long"
    if "\n" in sentence:
        return "newline"
    if any(unicodedata.category(character) in {"Cc", "Co", "Cn", "Cs"} for character in sentence):
        return "unprintable"
    if "�" in sentence:
        return "unprintable"
    if not sentence.rstrip(CLOSING).endswith(FINAL_MARKS):
        return "unfinished"
    if any(text in sentence for text in forbidden):
        return "forbidden"
    return None
