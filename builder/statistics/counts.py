"""Counts and means of a released corpus: what its card and its report say first."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from builder.statistics.table_one import MOST_ROWS, table_one

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
    return {
        "rows": table.num_rows,
        "by": by,
        "table_one": _table_one(table),
        "means": means(table),
    }


def _table_one(table: pa.Table) -> dict[str, dict[str, float | None]]:
    """The measures of the paper's Table 1 for each task, on its first rows by id, a hash."""
    found: dict[str, dict[str, float | None]] = {}
    for task in sorted(map(str, set(table["task"].to_pylist()))):
        rows = table.filter(pc.field("task") == task).slice(0, MOST_ROWS)
        sources, targets = (map(str, rows[name].to_pylist()) for name in ("source", "target"))
        measured = table_one(sources, targets).by_name()
        found[task] = {
            name: None if value is None else round(value, 6) for name, value in measured.items()
        }
    return found


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
