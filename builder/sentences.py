"""Sentences: where they end, and which of them are worth keeping."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import islice

from builder.decoding.sentence_end import OWN_CLOSING, OWN_MARKS
from dimsum.english import load_nlp as load_nlp

FINAL_MARKS = (".", "?", "!", *OWN_MARKS)
CLOSING = "\"'”’)]" + OWN_CLOSING
_PARTS = re.compile(rf"[^{OWN_MARKS}]*[{OWN_MARKS}]+[{OWN_CLOSING}]*|[^{OWN_MARKS}]+")
"""A text in parts that end at marks of other scripts; one without such a mark is one part."""
MIN_CHARACTERS = 3
OF_SPLITTING = ("spacy",)
"""Libraries whose versions change where a sentence ends."""

SPLITTER_NEEDS = frozenset({"tok2vec", "parser"})


def split(texts: Iterable[str]) -> Iterator[list[str]]:
    """The sentences of each text, stripped, in order; runs only what finds boundaries.

    Marks of other scripts, such as `。`, end a sentence wherever they stand.
    """
    pipeline = load_nlp()
    parts, counted = [], []
    for text in texts:
        found = _PARTS.findall(text)
        parts += found
        counted.append(len(found))
    idle = [name for name in pipeline.pipe_names if name not in SPLITTER_NEEDS]
    with pipeline.select_pipes(disable=idle):
        documents = pipeline.pipe(parts, batch_size=64)
        for count in counted:
            sentences = (s for document in islice(documents, count) for s in document.sents)
            yield [text for s in sentences if (text := s.text.strip())]


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
