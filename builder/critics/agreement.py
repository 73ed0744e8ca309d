"""Agreement of numbers and names between two sentences.

An NLI model lets 42 pass for 24 more often than anything else; a set comparison does not.
The released code tests one direction only; both are measured here and the rules choose.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable
from functools import lru_cache

_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_PRONOUNS = {"he": "he", "him": "he", "his": "he", "she": "she", "her": "she", "hers": "she"}
_NO_COUNT = re.compile(
    r"(?:(?<![-\w])[Oo]ne|(?<!\w)[Aa])\b(?!\s+(?:hundred|thousand|million|billion|trillion))"
)
_START = re.compile(r"(?:^|[.!?:;]\s+|[\"“‘(\[]\s*)$")


@lru_cache(maxsize=4096)
def find_numbers(text: str) -> frozenset[str]:
    """The numbers of a sentence, in digits or in words, each in one written form.

    A bare "one" is left out: it is more often a pronoun than a count. So is "a", an article that
    the library takes for 1.
    """
    spelled = _NO_COUNT.sub("some", text)
    found = set()
    for match in _DIGITS.finditer(_write_digits(spelled)):
        plain = match.group().replace(",", "")
        found.add(plain.rstrip("0").rstrip(".") if "." in plain else plain.lstrip("0") or "0")
    return frozenset(found)


def _write_digits(text: str) -> str:
    """`numerizer.numerize`, without its forty searches where none of them can find anything.

    Without a word for a number, a fraction, a lone `a` (`find_numbers` has none), and letters that
    case folding makes out of others, it only takes hyphens away.
    """
    from numerizer.numerizer import preprocess

    low = text.lower()
    spelled, tens, anywhere = _list_number_words()
    if _UNUSUAL.search(text) or any(word in low for word in anywhere):
        return _numerize(text)
    for run in _RUN.findall(low):
        if run in spelled or run.startswith(tens):
            return _numerize(text)
    return str(preprocess(text))


def _numerize(text: str) -> str:
    """The text with its numbers in digits; as it is where the library stumbles (`U.S. million`)."""
    from numerizer import numerize

    try:
        return str(numerize(text))
    except (KeyError, ValueError):
        return text


_RUN = re.compile(r"\w+")
_UNUSUAL = re.compile("[ſıİ/<]")


@lru_cache(maxsize=1)
def _list_number_words() -> tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]:
    """Words that numerize reads whole, beginnings of words, and parts of words."""
    from numerizer import consts

    whole = {*consts.DIRECT_SINGLE_NUMS, *consts.ALL_FRACTIONS, *consts.ALL_ORDINALS}
    return frozenset(whole), tuple(consts.TEN_PREFIXES), tuple(consts.BIG_PREFIXES)


@lru_cache(maxsize=4096)
def find_names(text: str) -> frozenset[str]:
    """Capitalised words that do not owe their capital to the start of a sentence, and he or she.

    Without a model: `I`, and a possessive ending, are left out; `U.S.` gives U and S. A critic
    lets he pass for she, so these count as names, in one form each.
    """
    found = set()
    for match in _WORD.finditer(text):
        word = match.group()
        if word.lower() in _PRONOUNS:
            found.add(_PRONOUNS[word.lower()])
        elif word[0].isupper() and not _START.search(text, 0, match.start()) and word != "I":
            found.add(re.sub(r"['’]s$", "", word).lower())
    return frozenset(found)


def list_words(text: str) -> frozenset[str]:
    """All words of a sentence in lower case, without possessive endings; him and his are he."""
    plain = (re.sub(r"['’]s$", "", word).lower() for word in _WORD.findall(text))
    return frozenset(_PRONOUNS.get(word, word) for word in plain)


def measure_found(wanted: Collection[Hashable], there: Collection[Hashable]) -> float:
    """Share of `wanted` that is in `there`, 0 to 1; nothing wanted is 1."""
    return sum(item in there for item in wanted) / len(wanted) if wanted else 1.0
