"""Text of a corpus made fit for a page: short enough, printable, and its differences marked."""

from __future__ import annotations

import unicodedata
from difflib import SequenceMatcher

from builder.report.model import Piece
from dimsum.metrics.words import find_spans

UNSEEN = frozenset({"Cc", "Cs", "Co", "Cn"})


def shorten(text: str, most: int) -> str:
    """A text of at most about `most` characters that says how long it was, without controls.

    Line breaks become spaces: a page shows a sentence as one line.
    """
    head = " ".join(text[: most + 1].split()) if len(text) <= most else text[:most]
    clean = "".join(
        " " if character in "\n\r\t" else character
        for character in head
        if character in "\n\r\t" or unicodedata.category(character) not in UNSEEN
    )
    return clean if len(text) <= most else f"{clean.rstrip()}… ({len(text):,} characters)"


NAME = 80
"""Characters of a name, such as a domain's."""


def make_label(text: str) -> str:
    """A name of the corpus made fit for a label, an option or an axis."""
    return shorten(text, NAME).strip() or "(no name)"


def find_differences(source: str, target: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Both sentences in runs of words; words that the other does not have in that place are own.

    Words are compared without case and without the marks around them.
    """
    a, b = find_spans(source), find_spans(target)
    bare = [_strip_marks(source[first:end]) for first, end in a]
    others = [_strip_marks(target[first:end]) for first, end in b]
    matcher = SequenceMatcher(None, bare, others, autojunk=False)
    left: list[Piece] = []
    right: list[Piece] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        own = tag != "equal"
        if i2 > i1:
            left.append(Piece(source[a[i1][0] : a[i2 - 1][1]], own))
        if j2 > j1:
            right.append(Piece(target[b[j1][0] : b[j2 - 1][1]], own))
    return tuple(left), tuple(right)


def _strip_marks(word: str) -> str:
    return word.strip(".,;:!?\"'“”‘’()[]…").casefold() or word
