"""Intervals by resampling documents: the pairs of one document are not independent of each other.

Everything here is a function of sums over documents, so a replicate is one weighting of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dimsum.metrics.bootstrap import AnyArray, draws, percentiles, ratio
from dimsum.metrics.measured import Array


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its 95 % interval; None where it is not defined."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Moments:
    """Of a group of values in every replicate: their number, mean and variance."""

    count: Array
    mean: Array
    variance: Array


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
    return Estimate(float(values[0]), *((low, high) if low != high else ()))


def moments(values: AnyArray, document: AnyArray, w: Array) -> Moments:
    """Moments of values under every weighting of the documents that they come from."""
    x = values.astype(np.float64)
    count, total, squares = (
        np.bincount(document.astype(np.int64), weights=some, minlength=w.shape[1])
        for some in (np.ones(len(x)), x, x**2)
    )
    mean = ratio(total, count, w)
    return Moments(w @ count, mean, np.maximum(ratio(squares, count, w) - mean**2, 0))


def cohens_d(a: Moments, b: Moments) -> Array:
    """(mean of a - mean of b) / pooled standard deviation, in every replicate."""
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled = (a.count * a.variance + b.count * b.variance) / (a.count + b.count)
        result: Array = (a.mean - b.mean) / np.sqrt(np.where(pooled > 0, pooled, np.nan))
    return result


def slope(x: Array, y: Array) -> Array:
    """Least-squares slope of each row of y, shape (replicates, len(x)), over x."""
    moved = x - x.mean()
    result: Array = (y - y.mean(1, keepdims=True)) @ moved / (moved @ moved)
    return result
