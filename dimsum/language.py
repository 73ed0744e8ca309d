"""In which language texts are, by the classifier py3langid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Annotated

from pydantic import BeforeValidator, Field

from dimsum.metrics.words import split_spaces

Language = Annotated[
    str,
    BeforeValidator(lambda value: "no" if value is False else value),
    Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$"),
]
"""An ISO 639 code as the Hub writes it. YAML reads the code of Norwegian as false."""
UNKNOWN = "und"
"""ISO 639-2 for a language that nobody could say."""
FEWEST = 5
"""A text of fewer tokens is too short to recognise."""
MOST_TEXTS = 200
SHARE = 0.1
"""Of the recognised texts, which makes a language one of the corpus."""


def detect_language(text: str) -> str | None:
    """The likeliest language of a text, or None for one that is too short to recognise."""
    import py3langid

    if len(split_spaces(text)) < FEWEST:
        return None
    return str(py3langid.classify(text)[0])


def detect_languages(texts: Iterable[str]) -> tuple[str, ...]:
    """The languages that `SHARE` or more of the first `MOST_TEXTS` texts are in, commonest first.

    `UNKNOWN` where no text is long enough to recognise.
    """
    found = Counter(filter(None, map(detect_language, islice(texts, MOST_TEXTS))))
    return tuple(name for name, count in found.most_common() if count >= SHARE * found.total()) or (
        UNKNOWN,
    )
