"""Counts and means of a released corpus: what its card and its report say first."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa

from builder.measures.registry import Registry


def counts(table: pa.Table, known: Registry) -> dict[str, Any]:
    """Rows by task, split, control code, domain and method, and the means of each task.

    Args:
        table: released rows with the column `split`.
        known: the measures that the corpus was built with.
    """
    by = {
        column: dict(sorted(Counter(table[column].to_pylist()).items()))
        for column in ("task", "split", "control", "domain", "method")
    }
    return {"rows": table.num_rows, "by": by, "means": means(table, known)}


def means(table: pa.Table, known: Registry) -> dict[str, dict[str, float]]:
    """Mean of each released measure for each task, float64 over the stored float32 values.

    A value that a row lacks is left out; a measure that no row has is too.
    """
    released = {column.name for column in known.released}
    names = [name for name in known.columns if name in released]
    tasks = np.asarray(table["task"].to_pylist())
    found: dict[str, dict[str, float]] = {}
    for task in sorted(set(tasks.tolist())):
        mask = tasks == task
        found[task] = {}
        for measure in names:
            values = table[measure].to_numpy()[mask]
            values = values[~np.isnan(values)]
            if len(values):
                found[task][measure] = round(float(np.mean(values, dtype=np.float64)), 6)
    return found
