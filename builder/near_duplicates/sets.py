"""Sets of word shingles of pairs, and what is alike among them."""

from __future__ import annotations

from collections import Counter

from dimsum.metrics.words import tokens

SHINGLE = 3
COMMON = 200
"""A shingle in more rows than this proposes no neighbour; it still counts in the index."""


def shingles(task: str, source: str, target: str) -> frozenset[str]:
    """Word 3-shingles of source and target, marked by side; a short text is one shingle.

    Every element carries the task, so a paraphrase is never alike to a summary.
    """
    found = set()
    for side, text in (("s", source), ("t", target)):
        words = tokens(text) or [text]
        spans = max(1, len(words) - SHINGLE + 1)
        found |= {f"{task}|{side}|{' '.join(words[i : i + SHINGLE])}" for i in range(spans)}
    return frozenset(found)


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """|a & b| / |a | b|; two empty sets are alike."""
    union = len(a | b)
    return len(a & b) / union if union else 1.0


def neighbours(sets: list[frozenset[str]]) -> list[tuple[int, float]]:
    """(index, Jaccard index) of each set's nearest other set; (itself, 0) where it shares nothing.

    Sets that share an element are found through an index from elements to sets.
    """
    holders: dict[str, list[int]] = {}
    for index, elements in enumerate(sets):
        for element in elements:
            holders.setdefault(element, []).append(index)
    result = []
    for index, elements in enumerate(sets):
        shared: Counter[int] = Counter()
        for element in elements:
            if len(holders[element]) <= COMMON:
                shared.update(holders[element])
        del shared[index]
        best, likeness = index, 0.0
        for other in sorted(shared):
            value = jaccard(elements, sets[other])
            if value > likeness:
                best, likeness = other, value
        result.append((best, likeness))
    return result
