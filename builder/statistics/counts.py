"""Counts and means of a released corpus: what its card and its report say first."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa

MEANS = ("compression", "density", "rouge_l", "entail_forward", "entail_backward")


def counts(table: pa.Table) -> dict[str, Any]:
    """Rows by task, split, control code, domain and method, and the means of each task.

    Args:
        table: released rows with the column `split`.
    """
    by = {
        column: dict(sorted(Counter(table[column].to_pylist()).items()))
        for column in ("task", "split", "control", "domain", "method")
    }
    return {"rows": table.num_rows, "by": by, "means": means(table)}


def means(table: pa.Table) -> dict[str, dict[str, float]]:
    """Mean of each measure for each task, float64 over the stored float32 values."""
    tasks = np.asarray(table["task"].to_pylist())
    found: dict[str, dict[str, float]] = {}
    for task in sorted(set(tasks.tolist())):
        mask = tasks == task
        found[task] = {
            measure: round(float(np.mean(table[measure].to_numpy()[mask], dtype=np.float64)), 6)
            for measure in MEANS
        }
    return found
