"""Nearest neighbours: how alike the rows of a corpus are to each other.

Likeness is what the builder's near-duplicate stage measures: the Jaccard index of word 3-shingles
of source and target.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from builder.measures.base import Column
from builder.report.distributions import histogram
from builder.report.model import Repeat, Repeats
from builder.report.source import Source
from builder.report.text import shortened
from builder.stages.near_duplicates import shingles

SAMPLE = 4000
CLOSEST = 8
COMMON = 200
"""A shingle in more rows than this proposes no neighbour; it still counts in the index."""
MOST_CHARACTERS = 2000


def repeats(source: Source) -> Repeats | None:
    """The nearest neighbour of every row of a sample, within the sample."""
    rows = source.first(None, SAMPLE)
    ids: list[Any] = rows["id"].to_pylist()
    tasks: list[Any] = rows["task"].to_pylist()
    if len(ids) < 2:
        return None
    texts = source.texts(ids)
    sets = [
        shingles(task, texts[key][0][:MOST_CHARACTERS], texts[key][1][:MOST_CHARACTERS])
        for key, task in zip(ids, tasks, strict=True)
    ]
    found = neighbours(sets)
    likeness = np.asarray([similarity for _, similarity in found])
    seen: set[tuple[int, int]] = set()
    closest: list[Repeat] = []
    for i in np.argsort(-likeness, kind="stable"):
        j, similarity = found[i]
        key = (min(int(i), j), max(int(i), j))
        if key in seen or similarity == 0 or len(closest) == CLOSEST:
            continue
        seen.add(key)
        first, second = (_shown(texts[ids[k]]) for k in key)
        closest.append(Repeat(similarity, first, second))
    shown = histogram(
        Column(
            "repeats",
            "likeness to the nearest other row",
            "Jaccard index of word 3-shingles",
            high=1.0,
            title="Likeness to the nearest other row",
        ),
        {"rows": likeness},
    )
    return Repeats(len(ids), source.rows.num_rows, shown, tuple(closest))


def _shown(texts: tuple[str, str]) -> tuple[str, str]:
    return shortened(texts[0], 240), shortened(texts[1], 240)


def neighbours(sets: list[frozenset[str]]) -> list[tuple[int, float]]:
    """(index, Jaccard index) of each set's nearest other set; (itself, 0) where it shares nothing.

    Sets that share an element are found through an index from elements to sets.
    """
    holders: dict[str, list[int]] = {}
    for place, elements in enumerate(sets):
        for element in elements:
            holders.setdefault(element, []).append(place)
    result = []
    for place, elements in enumerate(sets):
        shared: Counter[int] = Counter()
        for element in elements:
            if len(holders[element]) <= COMMON:
                shared.update(holders[element])
        del shared[place]
        best, likeness = place, 0.0
        for other in sorted(shared):
            union = len(elements | sets[other])
            value = len(elements & sets[other]) / union
            if value > likeness:
                best, likeness = other, value
        result.append((best, likeness))
    return result
