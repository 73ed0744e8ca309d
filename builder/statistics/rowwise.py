"""Measures that are means over rows, and their distributions over fixed grids."""

from __future__ import annotations

from typing import Any

import numpy as np

from builder.statistics.definitions import find_definition
from builder.statistics.frame import Frame
from builder.statistics.measured import Measured, round_finite
from builder.statistics.words import Array
from dimsum.metrics.bootstrap import LEVEL, RESAMPLES

TABLE1 = ("jaccard",)
STRATEGY = (
    "compression",
    "coverage",
    "density",
    "novel_1",
    "novel_2",
    "novel_3",
    "novel_4",
    "rouge_l",
    "extractiveness",
    "abstractive",
    "source_tokens",
    "target_tokens",
    "source_characters",
    "target_characters",
)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_TENTHS = tuple(round(i / 10, 1) for i in range(11))
GRIDS: dict[str, tuple[float, ...]] = {
    "compression": (*_TENTHS, 1.25, 1.5, 2.0),
    "coverage": _TENTHS,
    "density": (0, 0.25, 0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32),
    **{f"novel_{n}": _TENTHS for n in (1, 2, 3, 4)},
    "rouge_l": _TENTHS,
    "extractiveness": _TENTHS,
    "jaccard": _TENTHS,
    "source_tokens": (0, 5, 10, 15, 20, 25, 30, 40, 50, 75, 100),
    "target_tokens": (0, 5, 10, 15, 20, 25, 30, 40, 50, 75, 100),
}
"""Edges of the bins; values at or above the last edge have a bin of their own."""


def describe_interval(frame: Frame) -> str:
    """How the intervals of means are made."""
    return f"{LEVEL:.0%} block bootstrap, {RESAMPLES} replicates, {frame.blocks.count} blocks"


def measure_mean(
    frame: Frame, name: str, values: Array, *, side: str = "pair", **more: Any
) -> Measured:
    """The mean of one value a row with its interval; percents are made here."""
    scale = 100.0 if find_definition(name).unit == "percent" else 1.0
    mean, low, high, rows = frame.blocks.mean(values)

    def scale_value(value: float | None) -> float | None:
        return None if value is None else value * scale

    return Measured(
        name,
        side,
        scale_value(mean),
        scale_value(low),
        scale_value(high),
        rows=rows,
        of=frame.rows,
        seed=frame.seed,
        interval=describe_interval(frame) if low is not None else "none",
        note="" if rows else "no row for which it is defined",
        **more,
    )


def measure_means(frame: Frame, names: tuple[str, ...]) -> list[Measured]:
    """Means of columns of the frame."""
    return [measure_mean(frame, name, frame.columns[name], side=_find_side(name)) for name in names]


def _find_side(name: str) -> str:
    side = name.partition("_")[0]
    return side if side in ("source", "target") else "pair"


def measure_distributions(frame: Frame) -> dict[str, Any]:
    """Counts on fixed grids and quantiles of each measure, and compression by other measures."""
    found: dict[str, Any] = {}
    for name, edges in GRIDS.items():
        values = frame.columns[name]
        defined = values[~np.isnan(values)]
        quantiles: list[float] = np.quantile(defined, QUANTILES).tolist() if len(defined) else []
        found[name] = {
            "edges": list(edges),
            "counts": np.bincount(_find_bins(defined, edges), minlength=len(edges)).tolist(),
            "undefined": int(len(values) - len(defined)),
            "quantiles": {
                f"{share:g}": round_finite(value)
                for share, value in zip(QUANTILES, quantiles, strict=False)
            },
        }
    found["grids"] = [
        make_grid(frame, "compression", other) for other in ("density", "novel_2", "extractiveness")
    ]
    return found


def make_grid(frame: Frame, x: str, y: str) -> dict[str, Any]:
    """Rows in each cell of two measures' grids; counts[i][j] is bin i of x and bin j of y."""
    a, b = frame.columns[x], frame.columns[y]
    defined = ~np.isnan(a) & ~np.isnan(b)
    wide, high = len(GRIDS[x]), len(GRIDS[y])
    cells = _find_bins(a[defined], GRIDS[x]) * high + _find_bins(b[defined], GRIDS[y])
    counts = np.bincount(cells, minlength=wide * high).reshape(wide, high)
    return {
        "x": x,
        "y": y,
        "x_edges": list(GRIDS[x]),
        "y_edges": list(GRIDS[y]),
        "counts": counts.tolist(),
    }


def _find_bins(values: Array, edges: tuple[float, ...]) -> Array:
    """Number of the bin [edge, next edge) of each value; a hair below an edge counts as on it."""
    return np.maximum(np.searchsorted(np.asarray(edges), values + 1e-9, "right") - 1, 0)
