"""Histograms by task, and the grid of compression by density."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from builder.measures import compression, density
from builder.measures.base import Column
from builder.report.model import QUANTILES, Grid, Histogram, Series, Share
from builder.report.text import make_label
from dimsum.tasks import TaskDefinition

BINS = 25
MOST_SHARES = 20

(ACROSS,), (UP,) = compression.MEASURE.columns, density.MEASURE.columns
"""Of the grid: short targets on the left, copied words at the top."""
LENGTHS = (
    Column("source_words", "words of the source", "words", title="Length of the source"),
    Column("target_words", "words of the target", "words", title="Length of the target"),
)


def make_histograms(
    rows: pa.Table, columns: Sequence[Column], tasks: Sequence[TaskDefinition]
) -> tuple[Histogram, ...]:
    """One histogram for each column, all tasks in the same bins."""
    groups = {task.name: rows.filter(pc.field("task") == task.name) for task in tasks}
    groups = {name: group for name, group in groups.items() if group.num_rows}
    colours = {task.name: task.colours[0] for task in tasks}
    if not groups:
        return ()
    found = []
    for column in columns:
        values = {task: _read_floats(group[column.name]) for task, group in groups.items()}
        found.append(make_histogram(column, values, colours, whole=column in LENGTHS))
    return tuple(found)


def _read_floats(column: Any) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.asarray(column.to_numpy(), dtype=np.float64)


def make_histogram(
    column: Column,
    values: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]],
    colours: Mapping[str, str] | None = None,
    *,
    whole: bool = False,
) -> Histogram:
    """The distribution of each group's values; the last bin takes what lies above the 99.5 %.

    Args:
        values: group to its values; infinite ones and those that are no number are left out and
            counted.
        whole: values are whole numbers, and so are the edges.
    """
    finite = {group: some[np.isfinite(some)] for group, some in values.items()}
    left_out = sum(len(some) for some in values.values()) - sum(map(len, finite.values()))
    together = np.concatenate([*finite.values(), np.zeros(0)])
    edges = _choose_edges(together, column, whole)
    counts = {
        group: np.histogram(np.clip(some, edges[0], edges[-1]), edges)[0]
        for group, some in finite.items()
    }
    series = tuple(
        Series(
            name=group,
            counts=tuple(int(n) for n in counts[group]),
            mean=float(some.mean()),
            quantiles=tuple(float(q) for q in np.quantile(some, QUANTILES)),
            colour=(colours or {}).get(group, ""),
        )
        for group, some in finite.items()
        if len(some)
    )
    beyond = bool(len(together) and together.max() > edges[-1])
    return Histogram(
        column.name,
        column.heading,
        column.unit,
        tuple(map(float, edges)),
        series,
        beyond,
        left_out,
    )


def _choose_edges(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], column: Column, whole: bool
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if column.is_share or not len(values):
        return np.linspace(0.0, 1.0, BINS + 1)
    if column.low < 0:
        bottom, top = (float(q) for q in np.quantile(values, (0.005, 0.995)))
        return np.linspace(bottom, top if top > bottom else bottom + 1.0, BINS + 1)
    top = float(np.quantile(values, 0.995))
    if whole:
        step = max(1, int(np.ceil((top + 1) / BINS)))
        return np.arange(0, BINS + 1, dtype=np.float64) * step
    return np.linspace(0.0, top if top > 0 else 1.0, BINS + 1)


def make_grid(rows: pa.Table) -> Grid | None:
    """Rows by compression and density; the outermost cells hold what lies beyond them."""
    x, y = (_read_floats(rows[column.name]) for column in (ACROSS, UP))
    finite = np.isfinite(x) & np.isfinite(y)
    if not finite.any():
        return None
    x, y = x[finite], y[finite]
    x_edges = np.linspace(0, max(1.0, float(np.ceil(np.quantile(x, 0.995) * 10) / 10)), 16)
    y_top = float(np.quantile(y, 0.98))
    y_edges = np.linspace(0, y_top if y_top > 0 else 1.0, 13)
    counts, _, _ = np.histogram2d(
        np.clip(y, 0, y_edges[-1]), np.clip(x, 0, x_edges[-1]), (y_edges, x_edges)
    )
    return Grid(
        x_edges=tuple(map(float, x_edges)),
        y_edges=tuple(map(float, y_edges)),
        counts=tuple(tuple(int(n) for n in line) for line in counts),
    )


def count_shares(rows: pa.Table, column: str) -> tuple[Share, ...]:
    """The values of a column, the most frequent first."""
    found = [
        (make_label(entry["values"].as_py()), entry["counts"].as_py())
        for entry in pc.value_counts(rows[column])
    ]
    found.sort(key=lambda one: (-one[1], one[0]))
    if len(found) > MOST_SHARES:
        rest = found[MOST_SHARES - 1 :]
        others = (f"{len(rest)} others", sum(count for _, count in rest))
        found = [*found[: MOST_SHARES - 1], others]
    return tuple(Share(name, count) for name, count in found)
