"""Parsers for tests, named as module:function."""

from __future__ import annotations


def flat(sentences: list[str]) -> list[str]:
    """Trees of one layer of words; a question has none."""
    return [
        "" if text.endswith("?") else f"(S {' '.join(f'(W {word})' for word in text.split())})"
        for text in sentences
    ]


def rooted(sentences: list[str]) -> list[str]:
    """The same below a root that says nothing."""
    return [f"(ROOT {tree})" for tree in flat(sentences)]


def short(sentences: list[str]) -> list[str]:
    """A parser that forgets a sentence."""
    return flat(sentences)[1:]


def broken(sentences: list[str]) -> list[str]:
    """A parser whose brackets do not close."""
    return ["(S (NP)" for _ in sentences]


NUMBER = 3
