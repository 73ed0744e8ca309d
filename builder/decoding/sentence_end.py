"""Where the first sentence of a growing text has certainly ended.

"Certainly" because decoding stops there: a full stop after an abbreviation, an initial or a
number in an enumeration, or before a lower-case word, is passed over. Passing one over costs a
few more tokens, and a sentence splitter that runs on the text later cuts it; stopping inside a
sentence would lose the rest of it.
"""

from __future__ import annotations

import re

SENTENCE_MARKS = ".!?"

OWN_MARKS = "。！？｡؟۔।॥።។။"
"""Marks of other scripts, which stand nowhere but at the end of a sentence."""
OWN_CLOSING = "”’」』）】》"

_CLOSING = "\"'”’)\\]}»"
_OPENING = "\"'“‘(\\[{«"
_BOUNDARY = re.compile(rf"([.!?]+)([{_CLOSING}]*)\s+[{_OPENING}]*([^\s{_OPENING}])")
_UNDECIDED = re.compile(rf"([.!?][{_CLOSING}]*\s*[{_OPENING}]*|[{OWN_MARKS}][{OWN_CLOSING}]*)$")
_OWN_END = re.compile(rf"[{OWN_MARKS}]+[{OWN_CLOSING}]*(?=[^{OWN_MARKS}{OWN_CLOSING}])")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")

ABBREVIATIONS = frozenset(
    """
    adm al apr approx assn assoc asst atty aug ave blvd brig bros ca capt cf ch cmdr co col corp
    cpl ct dec dept det dist div dr ed eds eq eqs est etc ex feb fig figs fr ft gen gov hon hosp
    hr hrs inc insp intl jan jr jul jun lb lbs lieut lt ltd maj mar max messrs mfg min mins mlle
    mme mo mon mr mrs ms mt mts nat natl no nos nov oct oz pl pp pres prof pt pvt rd ref refs reg
    rep reps res ret rev rt sec sen sens sep sept sgt sp spec spp sq sr st ste supp supt tel thu
    tr tue univ viz vol vols vs wed yr yrs
    """.split()  # noqa: SIM905
)
"""Words, lower case, whose full stop need not end a sentence."""


def find_sentence_end(text: str) -> int | None:
    """The length of the first sentence, or None while it has not certainly ended.

    It ends at a newline, or after `.`, `!` or `?` and any closing quotes or brackets, once the
    next word has begun and does not begin in lower case; or after a mark of another script, such
    as `。`, once anything follows. Leading white space is part of the sentence and ends nothing.

    Args:
        text: a continuation so far.

    Returns:
        n such that text[:n] is the sentence, without the white space after it.
    """
    begin = len(text) - len(text.lstrip())
    end = find_line_end(text)
    line = text[:end]
    if (own := _OWN_END.search(line, begin)) is not None:
        line, end = line[: own.end()], own.end()
    for found in _BOUNDARY.finditer(line, begin):
        following = found.group(3)
        if not following.isalnum() or following.islower():
            continue
        if found.group(1) == "." and not _may_end(line[begin : found.start()]):
            continue
        return found.end(2)
    return end


def find_line_end(text: str) -> int | None:
    """The length of the first line that says something, or None while it has not ended."""
    newline = text.find("\n", len(text) - len(text.lstrip()))
    return None if newline < 0 else len(text[:newline].rstrip())


def is_undecided(text: str) -> bool:
    """Whether `text` stops at a mark whose meaning the next word will tell."""
    return _UNDECIDED.search(text) is not None


def can_end_after(text: str) -> bool:
    """Whether a full stop right after `text` would end a sentence, as far as `text` can tell.

    Not after an abbreviation or an initial, not after a digit, where it may be a decimal point, and
    not inside a quotation or brackets.
    """
    is_closed = text.count('"') % 2 == 0 and all(
        text.count(opening) == text.count(closing) for opening, closing in ("“”", "()", "[]")
    )
    return text[-1:].isalpha() and is_closed and _may_end(text)


def _may_end(before: str) -> bool:
    """Whether a single full stop after `before` can end a sentence."""
    word = before.split()[-1] if before.split() else ""
    first = word == before.strip()
    word = word.lstrip("\"'“‘([{«").lower()
    if word in ABBREVIATIONS or _INITIALS.fullmatch(word):
        return False
    return bool(word) and not (first and word.isdigit())
