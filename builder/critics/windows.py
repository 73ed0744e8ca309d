"""A premise that is longer than a critic reads at once, in windows of whole sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import pairwise

from builder.decoding.sentence_end import find_sentence_end

READ, IN_WINDOWS, CUT = "read", "read_in_windows", "cut"
"""What a critic counts of its pairs: all, those in windows, those that windows cannot make fit."""

_WIDE_END = re.compile(r"[。！？｡।॥။។።؟][”’」』）\"')\]]*\s*")
"""Ends of sentences in scripts that have marks of their own, blanks after them or not."""


def find_sentence_spans(text: str) -> list[tuple[int, int]]:
    """(first, beyond the last) character of each sentence; together they are the whole text."""
    ends = {len(text)} if text else set()
    start = 0
    while (length := find_sentence_end(text[start:])) is not None:
        rest = text[start + length :]
        start += length + len(rest) - len(rest.lstrip())
        ends.add(start)
        if not rest:
            break
    ends |= {found.end() for found in _WIDE_END.finditer(text)}
    bounds = [0, *sorted(ends - {0})]
    return list(pairwise(bounds))


def make_window_spans(text: str, fits: Callable[[str], bool]) -> list[tuple[int, int]]:
    """Runs of neighbouring whole sentences, each as long as fits, that reach every sentence.

    From every sentence the longest run that fits begins; one that lies inside the run before it is
    left out, so any neighbours that fit together stand together in one. A sentence that is too
    long by itself is halved between words, or between characters where it has no blank.

    Args:
        fits: whether a text can be read whole.

    Returns:
        (first, beyond the last) character, in the order of the text; empty if not even one
        character fits.
    """
    spans = [part for span in find_sentence_spans(text) for part in _halve(text, *span, fits)]
    found: list[tuple[int, int]] = []
    stop = 0
    for number, (first, _) in enumerate(spans):
        last = max(stop, number + 1)
        while last < len(spans) and fits(text[first : spans[last][1]].strip()):
            last += 1
        if last > stop:
            found.append((first, spans[last - 1][1]))
            stop = last
    return found


def cut_windows(text: str, fits: Callable[[str], bool]) -> list[str]:
    """The texts of `make_window_spans`, without blank ones."""
    windows = (text[first:end].strip() for first, end in make_window_spans(text, fits))
    return [window for window in windows if window]


def _halve(text: str, first: int, end: int, fits: Callable[[str], bool]) -> list[tuple[int, int]]:
    """A span, or the halves of it that fit, in order."""
    if fits(text[first:end].strip()):
        return [(first, end)]
    if end - first < 2:
        return []
    middle = (first + end) // 2
    blank = text.rfind(" ", first + 1, middle + 1)
    if blank <= first:
        blank = text.find(" ", middle, end - 1)
    cut = blank if blank > first else middle
    return [*_halve(text, first, cut, fits), *_halve(text, cut, end, fits)]


def describe_long(long: Mapping[str, int]) -> str:
    """What a critic could not read at once, in words; empty if it read all.

    Args:
        long: counts as `EntailmentCritic.long` has them.
    """
    parts = [
        f"{long[name]:,} {words}"
        for name, words in ((IN_WINDOWS, "with the premise in windows"), (CUT, "cut"))
        if long.get(name)
    ]
    return f"of {long[READ]:,} pairs read {' and '.join(parts)}" if parts else ""
