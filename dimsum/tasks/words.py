"""Words of several tasks in one sentence."""

from __future__ import annotations

from collections.abc import Sequence


def either(words: Sequence[str]) -> str:
    """`a`, `a or b`, `a, b or c`; each once."""
    return _join(words, "or")


def both(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; each once."""
    return _join(words, "and")


def _join(words: Sequence[str], last: str) -> str:
    found = list(dict.fromkeys(words))
    if len(found) < 2:
        return "".join(found)
    return f"{', '.join(found[:-1])} {last} {found[-1]}"
