"""The pairs that the page's table shows."""

from __future__ import annotations

import math
from itertools import zip_longest
from typing import Any

from builder.report.model import Pair
from builder.report.source import Source
from builder.report.text import find_differences, make_label, shorten

PER_TASK = 150
MOST_CHARACTERS = 600
NAMES = ("id", "task", "control", "domain", "method", "split")


def make_pairs(source: Source) -> tuple[Pair, ...]:
    """The first rows of each task by id, tasks in turn, words that differ marked."""
    groups = [
        source.first(task, PER_TASK).to_pylist()
        for task in sorted(map(str, source.rows["task"].unique().to_pylist()))
    ]
    rows = [row for turn in zip_longest(*groups) for row in turn if row is not None]
    texts = source.texts([row["id"] for row in rows])
    columns = [column.name for column in source.known.released]
    return tuple(_make_pair(row, columns, *texts[row["id"]]) for row in rows)


def _make_pair(row: dict[str, Any], columns: list[str], source: str, target: str) -> Pair:
    left, right = find_differences(
        shorten(source, MOST_CHARACTERS), shorten(target, MOST_CHARACTERS)
    )
    known: dict[str, Any] = {name: make_label(row[name]) for name in NAMES}
    measures = {name: math.nan if row[name] is None else row[name] for name in columns}
    return Pair(source=left, target=right, measures=measures, **known)
