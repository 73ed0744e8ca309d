"""Nearest neighbours: how alike the rows of a corpus are to each other.

Likeness is what the builder's near-duplicate stage measures: the Jaccard index of word 3-shingles
of source and target.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from builder.measures.base import Column
from builder.near_duplicates.nearest import find_nearest
from builder.near_duplicates.shingles import make_sets
from builder.report.distributions import make_histogram
from builder.report.model import Repeat, Repeats
from builder.report.source import Source
from builder.report.text import shorten

SAMPLE = 4000
CLOSEST = 8
MOST_CHARACTERS = 2000


def find_repeats(source: Source) -> Repeats | None:
    """The nearest neighbour of every row of a sample, within the sample."""
    rows = source.first(None, SAMPLE)
    ids: list[Any] = rows["id"].to_pylist()
    tasks: list[Any] = rows["task"].to_pylist()
    if len(ids) < 2:
        return None
    texts = source.texts(ids)
    sides = [[texts[key][side][:MOST_CHARACTERS] for key in ids] for side in (0, 1)]
    other, likeness = find_nearest(*make_sets(tasks, *sides))
    seen: set[tuple[int, int]] = set()
    closest: list[Repeat] = []
    for i in np.argsort(-likeness, kind="stable"):
        j, similarity = int(other[i]), float(likeness[i])
        key = (min(int(i), j), max(int(i), j))
        if key in seen or similarity == 0 or len(closest) == CLOSEST:
            continue
        seen.add(key)
        first, second = (_show(texts[ids[k]]) for k in key)
        closest.append(Repeat(similarity, first, second))
    shown = make_histogram(
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


def _show(texts: tuple[str, str]) -> tuple[str, str]:
    return shorten(texts[0], 240), shorten(texts[1], 240)
