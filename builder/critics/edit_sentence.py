"""Sentences as spaCy parsed them, without some of their words or with other ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

Rewriting = Callable[[Any, Any], Iterator[str]]
"""From a sentence and its main verb to what can be made of it."""


def split_words(text: str) -> frozenset[str]:
    """The words of a list that is written as one text."""
    return frozenset(text.split())


LEFT_ALONE = frozenset('"“”()[]:;?!—…*/')
"""Characters of sentences that are not edited."""
LEAST_WORDS = 3
"""Words of a hypothesis at the least."""
MOST_WORDS = 45
"""Words of a sentence that is edited; the analysis of longer ones is too often wrong."""


def find_main_verb(sentence: Any) -> Any:
    """The main verb of one whole sentence that is plain enough to be edited, or None."""
    roots = [token for token in sentence if token.dep_ == "ROOT"]
    words = sum(not token.is_punct for token in sentence)
    if len(roots) != 1 or sentence[-1].text != "." or LEFT_ALONE & set(sentence.text):
        return None
    if not LEAST_WORDS < words <= MOST_WORDS or not sentence.text[0].isupper():
        return None
    if any(token.is_space for token in sentence) or sentence[0].pos_ in {"CCONJ", "VERB"}:
        return None
    has_subject = any(t.dep_ in {"nsubj", "nsubjpass", "expl"} for t in roots[0].children)
    return roots[0] if roots[0].pos_ in {"VERB", "AUX"} and has_subject else None


def cut_out(sentence: Any, start: int, stop: int) -> str:
    """The sentence without its tokens from `start` to before `stop`."""
    gone = range(start, stop)
    kept = "".join(
        f"{token.text} " if token.i + 1 in gone else token.text_with_ws
        for token in sentence
        if token.i not in gone
    )
    kept = re.sub(r"\s+([.,])", r"\1", kept).strip()
    return raise_first(kept)


def replace(sentence: Any, token: Any, word: str, gone: int = 0) -> str:
    """The sentence with another word for a token and the `gone` that follow it."""
    last = sentence[token.i + gone]
    if token.is_title and token.i == 0:
        word = raise_first(word)
    before, after = sentence.text[: token.idx], sentence.text[last.idx + len(last) :]
    return f"{before}{word}{after}"


def raise_first(text: str) -> str:
    """A text that begins with a capital."""
    return text[:1].upper() + text[1:]


def find_end(token: Any) -> int:
    """Behind the last token of a part; the full stop is of no part, whatever it hangs on."""
    return min(int(token.right_edge.i) + 1, len(token.doc) - 1)


def list_relations(token: Any) -> set[str]:
    """What the parts of a token are to it."""
    return {child.dep_ for child in token.children}
