"""Bootstrap over examples: 95% intervals, and paired tests between two systems.

Source: Efron and Tibshirani (1993), percentile intervals; Koehn (2004), paired bootstrap. Both
systems of a pair are resampled with the same examples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dimsum.metrics.measured import Array, Measured

RESAMPLES = 1000
SEED = 12345
SIGNATURE = f"percentile bootstrap over examples, {RESAMPLES} resamples, seed {SEED}, 95%"


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


def draws(n: int, resamples: int = RESAMPLES, seed: int = SEED) -> Array:
    """How often each of n examples is in each resample, shape (resamples, n)."""
    chance = np.random.default_rng(seed)
    found: Array = chance.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
    return found


def values(measured: Measured, weights: Array) -> Array:
    """The metric on every resample, shape (resamples,)."""
    totals = weights @ measured.stats
    return np.asarray([measured.reduce(total, measured.n) for total in totals])


def interval(measured: Measured, weights: Array) -> tuple[float, float]:
    """The 95% percentile interval."""
    low, high = np.percentile(values(measured, weights), [2.5, 97.5])
    return float(low), float(high)


def compare(a: Measured, b: Measured, weights: Array) -> Comparison:
    """Paired bootstrap of a against b on the same examples.

    Raises:
        ValueError: the two are not the same metric on equally many examples.
    """
    if (a.name, a.n) != (b.name, b.n):
        raise ValueError("a paired test needs one metric on the same examples")
    found = values(a, weights) - values(b, weights)
    worse: Any = found >= 0 if a.better == "lower" else found <= 0
    low, high = np.percentile(found, [2.5, 97.5])
    return Comparison(
        difference=a.value - b.value,
        low=float(low),
        high=float(high),
        p=float((worse.sum() + 1) / (len(found) + 1)),
    )
