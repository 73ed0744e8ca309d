"""Counts and means of a released corpus: what its card and its report say first."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from builder.measures.registry import Registry
from builder.stored import Stored

BY = ("task", "split", "control", "domain", "method")


def count_rows(rows: Stored, known: Registry) -> dict[str, Any]:
    """Rows by task, split, control code, domain and method, and the means of each task.

    Args:
        rows: released ones with the column `split`.
        known: the measures that the corpus was built with.
    """
    by: dict[str, Counter[str]] = {name: Counter() for name in BY}
    for group in rows.groups(BY):
        for name in BY:
            by[name].update(map(str, group[name].to_pylist()))
    ordered = {name: dict(sorted(found.items())) for name, found in by.items()}
    return {"rows": by["task"].total(), "by": ordered, "means": average_measures(rows, known)}


def average_measures(rows: Stored, known: Registry) -> dict[str, dict[str, float]]:
    """Mean of each released measure for each task, float64 over the stored float32 values.

    A value that a row lacks is left out; a measure that no row has is too.
    """
    released = {column.name for column in known.released}
    names = [name for name in known.columns if name in released]
    sums: dict[tuple[str, str], list[float]] = {}
    for group in rows.groups(["task", *names]):
        tasks = np.asarray(group["task"].to_pylist())
        for measure in names:
            values = group[measure].to_numpy()
            for task in set(tasks.tolist()):
                some = values[tasks == task]
                some = some[~np.isnan(some)]
                held = sums.setdefault((task, measure), [0.0, 0.0])
                held[0] += float(np.sum(some, dtype=np.float64))
                held[1] += len(some)
    return {
        task: {
            name: round(sums[task, name][0] / sums[task, name][1], 6)
            for name in names
            if sums[task, name][1]
        }
        for task in sorted({task for task, _ in sums})
    }
