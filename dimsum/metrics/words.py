"""How a text is split: the one home of what every count of words, overlap and n-gram calls a word.

Latin text, with nine of ten letters Latin or more, is split as rouge-score and white space split
it, so that its numbers are those of other tools. Other text is split into Unicode words, and into
characters where a script is written without blanks between words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

import regex

FEW = 10
"""One in so many letters of a text may be of another kind."""

_PLAIN = re.compile(r"[a-z0-9]+")
_LETTER = regex.compile(r"[\p{L}--\p{Common}]", regex.V1)
_OTHER = regex.compile(r"[\p{L}--[\p{Latin}\p{Common}]]", regex.V1)
_HAN = regex.compile(r"[\p{Han}&&\p{L}]", regex.V1)

_UNSPACED = (
    r"\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Bopomofo}\p{scx=Yi}\p{scx=Thai}"
    r"\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}\p{scx=Javanese}\p{scx=Balinese}\p{scx=Tai_Le}"
    r"\p{scx=New_Tai_Lue}\p{scx=Tai_Tham}\p{scx=Tai_Viet}"
)
"""Scripts without blanks between words."""
_ALONE = rf"[[\p{{L}}\p{{N}}]&&[{_UNSPACED}]]"
"""A letter or number of them, with its marks a word of its own."""
_CHARACTER = regex.compile(rf"[\p{{L}}&&[{_UNSPACED}]]", regex.V1)
_WORD = regex.compile(
    rf"{_ALONE}\p{{M}}*|[[\p{{L}}\p{{N}}]--{_ALONE}][[\p{{L}}\p{{M}}\p{{N}}]--{_ALONE}]*", regex.V1
)
_PIECE = regex.compile(rf"{_ALONE}\p{{M}}*|[\S--[{_ALONE}\x1c-\x1f]]+", regex.V1)
_UNSEEN = regex.compile(r"[\p{Cf}--\u200b]", regex.V1)
"""Joiners and marks of direction; the blank without width (U+200B) stays, it parts words."""


def is_latin(text: str) -> bool:
    """Whether nine of ten letters or more are Latin; so is a text without letters."""
    if text.isascii():
        return True
    others = len(_OTHER.findall(text))
    return others == 0 or FEW * others <= len(_LETTER.findall(text))


def split_words(text: str) -> list[str]:
    """The words of a text, without case or punctuation.

    Of Latin text lower-cased runs of a-z and 0-9, as rouge-score splits it (without stemming); of
    other text runs of letters, marks and numbers, NFKC and case-folded, and each character of a
    script without blanks by itself.
    """
    if is_latin(text):
        return _PLAIN.findall(text.lower())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    words: list[str] = _WORD.findall(_UNSEEN.sub("", folded))
    return words


def split_spaces(text: str) -> list[str]:
    """What lies between white space, case and punctuation kept.

    Of text that is not Latin each character of a script without blanks is a piece of its own.
    """
    return text.split() if is_latin(text) else _PIECE.findall(text)


def find_spans(text: str) -> list[tuple[int, int]]:
    """(first, beyond the last) character of each piece of `split_spaces`."""
    pieces = re.finditer(r"\S+", text) if is_latin(text) else _PIECE.finditer(text)
    return [piece.span() for piece in pieces]


def count_other(texts: Iterable[str]) -> int:
    """How many texts are not Latin."""
    return sum(not is_latin(text) for text in texts)


def choose_bleu_tokeniser(texts: Sequence[str]) -> str:
    """sacrebleu's name of the tokeniser for a corpus, by the scripts of all its letters.

    "13a" where words are parted by blanks; "zh" for Chinese; "char" for other scripts without
    blanks, Japanese among them. A tenth of the letters decides, as in `is_latin`.
    """
    if all(map(is_latin, texts)):
        return "13a"
    letters, unspaced, han = (
        sum(len(kind.findall(text)) for text in texts) for kind in (_LETTER, _CHARACTER, _HAN)
    )
    if FEW * unspaced <= letters:
        return "13a"
    return "zh" if FEW * (unspaced - han) <= unspaced else "char"
