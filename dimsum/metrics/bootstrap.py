"""The bootstrap: how often each unit is drawn, 95% intervals, paired tests of two systems.

A unit is whatever is drawn as a whole: an example, a block of rows, a document. A resample is a
vector of counts, so a statistic that depends on sums needs the sums of the units only.

Source: Efron and Tibshirani (1993), percentile intervals; Koehn (2004), paired bootstrap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dimsum.metrics.measured import Array, Measured

AnyArray = np.ndarray[Any, np.dtype[Any]]

LEVEL = 0.95
RESAMPLES = 1000
SEED = 12345
SIGNATURE = f"percentile bootstrap over examples, {RESAMPLES} resamples, seed {SEED}, {LEVEL:.0%}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """System a against system b in one metric.

    Attributes:
        difference: a minus b.
        low: of the 95% interval of the difference.
        high: of it.
        p: share of resamples (one added to both counts) in which a is not better than b.
    """

    difference: float
    low: float
    high: float
    p: float


def draw_resamples(n: int, resamples: int = RESAMPLES, seed: int = SEED) -> Array:
    """How often each of n units is in each resample, shape (resamples, n)."""
    chance = np.random.default_rng(seed)
    found: Array = chance.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
    return found


def find_percentiles(
    replicates: Sequence[float] | Array, level: float = LEVEL
) -> tuple[float, float]:
    """The interval that holds the middle `level` of a statistic's replicates."""
    low, high = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def resample_ratio(above: AnyArray, below: AnyArray, weights: Array) -> Array:
    """sum(weights * above) / sum(weights * below) of every resample; NaN where below sums to 0.

    Args:
        above: sums of each unit, shape (n,).
        below: what they are divided by, such as the units' numbers of rows, shape (n,).
        weights: of `draw_resamples`, shape (resamples, n).
    """
    total = weights @ below
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = np.where(total > 0, (weights @ above) / total, np.nan)
    return found


def resample_values(measured: Measured, weights: Array) -> Array:
    """The metric on every resample, shape (resamples,)."""
    totals = weights @ measured.stats
    return np.asarray([measured.reduce(total, measured.n) for total in totals])


def find_interval(measured: Measured, weights: Array) -> tuple[float, float]:
    """The 95% percentile interval of a metric."""
    return find_percentiles(resample_values(measured, weights))


def compare(a: Measured, b: Measured, weights: Array) -> Comparison:
    """Paired bootstrap of a against b on the same examples.

    Raises:
        ValueError: the two are not the same metric on equally many examples.
    """
    _check_alike(a, b)
    return compare_values(a, b, resample_values(a, weights), resample_values(b, weights))


def compare_values(a: Measured, b: Measured, of_a: Array, of_b: Array) -> Comparison:
    """As `compare`, from the `resample_values` of each, which one of many tests has already.

    Raises:
        ValueError: as there.
    """
    _check_alike(a, b)
    found = of_a - of_b
    worse: Any = found >= 0 if a.better == "lower" else found <= 0
    low, high = find_percentiles(found)
    return Comparison(
        difference=a.value - b.value,
        low=low,
        high=high,
        p=float((worse.sum() + 1) / (len(found) + 1)),
    )


def _check_alike(a: Measured, b: Measured) -> None:
    if (a.name, a.n) != (b.name, b.n):
        raise ValueError("a paired test needs one metric on the same examples")
