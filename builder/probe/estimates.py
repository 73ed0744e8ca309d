"""Intervals by resampling documents: the pairs of one document are not independent of each other.

Everything here is a function of sums over documents, so a replicate is one weighting of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dimsum.metrics.bootstrap import draws, percentiles, ratio

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its 95 % interval; None where it is not defined."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @property
    def sign(self) -> int:
        """1 or -1 where the whole interval lies on one side of 0, else 0."""
        if self.low is None or self.high is None:
            return 0
        return 1 if self.low > 0 else -1 if self.high < 0 else 0


def weights(documents: int, replicates: int, seed: int) -> Array:
    """How often each document is drawn, shape (1 + replicates, documents); row 0 is the sample."""
    return np.concatenate([np.ones((1, documents)), draws(documents, replicates, seed)])


def estimate(values: Array) -> Estimate:
    """From a statistic's value on the sample (first) and on every replicate.

    A replicate in which it is not defined is left out; with fewer than half left, or where all
    agree, there is no interval.
    """
    if not np.isfinite(values[0]):
        return Estimate(None)
    rest = values[1:][np.isfinite(values[1:])]
    if len(rest) * 2 < len(values) - 1 or not len(rest):
        return Estimate(float(values[0]))
    low, high = percentiles(rest)
    if low == high:
        return Estimate(float(values[0]))
    return Estimate(float(values[0]), low, high)


@dataclass(frozen=True, slots=True)
class Sums:
    """Count, sum and sum of squares of a group's values in each document."""

    count: Array
    total: Array
    squares: Array

    @classmethod
    def of(cls, values: Array, document: Array, documents: int) -> Sums:
        """Sums of values by the document that each comes from."""

        def summed(some: Array) -> Array:
            places = document.astype(np.int64)
            counted: Array = np.bincount(places, weights=some, minlength=documents).astype(
                np.float64
            )
            return counted

        return cls(summed(np.ones(len(values))), summed(values), summed(values**2))

    def mean(self, w: Array) -> Array:
        """The mean in every replicate."""
        return ratio(self.total, self.count, w)

    def variance(self, w: Array) -> Array:
        """The variance in every replicate."""
        result: Array = ratio(self.squares, self.count, w) - self.mean(w) ** 2
        return np.maximum(result, 0)


def cohens_d(a: Sums, b: Sums, w: Array) -> Array:
    """(mean of a - mean of b) / pooled standard deviation, in every replicate."""
    n, m = w @ a.count, w @ b.count
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled = (n * a.variance(w) + m * b.variance(w)) / (n + m)
        result: Array = (a.mean(w) - b.mean(w)) / np.sqrt(np.where(pooled > 0, pooled, np.nan))
    return result


def slope(x: Array, y: Array) -> Array:
    """Least-squares slope of each row of y, shape (replicates, len(x)), over x."""
    moved = x - x.mean()
    result: Array = (y - y.mean(1, keepdims=True)) @ moved / (moved @ moved)
    return result
