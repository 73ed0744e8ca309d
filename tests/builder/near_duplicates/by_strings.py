"""Shingles of pairs as sets of strings, and how alike they are: what the keys are held to."""

from __future__ import annotations

from dimsum.metrics.words import split_words

SHINGLE = 3


def shingles(task: str, source: str, target: str) -> frozenset[str]:
    """Word 3-shingles of source and target, marked by side; a short text is one shingle.

    Every element carries the task, so a paraphrase is never alike to a summary.
    """
    found = set()
    for side, text in (("s", source), ("t", target)):
        words = split_words(text) or [text]
        spans = max(1, len(words) - SHINGLE + 1)
        found |= {f"{task}|{side}|{' '.join(words[i : i + SHINGLE])}" for i in range(spans)}
    return frozenset(found)


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """|a & b| / |a | b|; two empty sets are alike."""
    union = len(a | b)
    return len(a & b) / union if union else 1.0
