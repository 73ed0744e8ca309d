"""Agreement of numbers and names between two sentences.

An NLI model lets 42 pass for 24 more often than anything else; a set comparison does not.
The released code tests one direction only; both are measured here and the rules choose.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_PRONOUNS = {"he": "he", "him": "he", "his": "he", "she": "she", "her": "she", "hers": "she"}
_START = re.compile(r"(?:^|[.!?:;]\s+|[\"“‘(\[]\s*)$")


@lru_cache(maxsize=65536)
def numbers(text: str) -> frozenset[str]:
    """The numbers of a sentence, in digits or in words, each in one written form.

    A bare "one" is left out: it is more often a pronoun than a count.
    """
    from numerizer import numerize

    spelled = re.sub(r"(?<![-\w])[Oo]ne\b(?!\s+(?:hundred|thousand|million|billion))", "some", text)
    found = set()
    for match in _DIGITS.finditer(numerize(spelled)):
        plain = match.group().replace(",", "")
        found.add(plain.rstrip("0").rstrip(".") if "." in plain else plain.lstrip("0") or "0")
    return frozenset(found)


@lru_cache(maxsize=65536)
def names(text: str) -> frozenset[str]:
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


def words_of(text: str) -> frozenset[str]:
    """All words of a sentence in lower case, without possessive endings; him and his are he."""
    plain = (re.sub(r"['’]s$", "", word).lower() for word in _WORD.findall(text))
    return frozenset(_PRONOUNS.get(word, word) for word in plain)


def share_found(wanted: Collection[str], there: Collection[str]) -> float:
    """Share of `wanted` that is in `there`, 0 to 1; nothing wanted is 1."""
    return sum(item in there for item in wanted) / len(wanted) if wanted else 1.0
