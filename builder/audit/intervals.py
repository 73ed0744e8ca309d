"""Intervals of a share, also where the rows were drawn with unequal chances.

Sources: Clopper and Pearson (1934); Kish (1965) for the effective size under unequal weights; Korn
and Graubard (1998) for Clopper-Pearson at the effective size of a survey.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95
PLAIN = "Clopper-Pearson, 95%"
WEIGHTED = (
    "weighted share; Clopper-Pearson at the effective size, 95% (the smaller of Kish's and Korn "
    "and Graubard's)"
)


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its interval.

    Attributes:
        n: rows that it was counted on.
        value: None without rows.
        low: of the interval; 0 without rows.
        high: of the interval; 1 without rows.
        effective: rows of an unweighted draw of the same precision.
        method: of the interval, in words.
    """

    n: int
    value: float | None
    low: float
    high: float
    effective: float
    method: str


def clopper_pearson(successes: float, trials: float, level: float = LEVEL) -> tuple[float, float]:
    """The exact interval of a binomial share; both counts may be fractions.

    Returns:
        (low, high); (0, 1) without trials.
    """
    if trials <= 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    failures = max(0.0, trials - successes)
    low = stats.beta.ppf(tail, successes, failures + 1) if successes > 0 else 0.0
    high = stats.beta.ppf(1 - tail, successes + 1, failures) if failures > 0 else 1.0
    return float(low), float(high)


def measure_share(
    hits: Sequence[bool],
    weights: Sequence[float],
    strata: Sequence[Hashable],
    level: float = LEVEL,
) -> Share:
    """The share of hits in the population that the rows were drawn from.

    The estimate is the weighted mean (Horvitz-Thompson over the sum of the weights). With equal
    weights the interval is plain Clopper-Pearson. There is no correction for a finite population:
    reading every row of a corpus still gives the interval of the process that made it.

    Args:
        hits: of each row.
        weights: rows of the population for each row that was drawn.
        strata: that each row was drawn from.
    """
    n = len(hits)
    if n == 0:
        return Share(0, None, 0.0, 1.0, 0.0, PLAIN)
    y, w = np.asarray(hits, float), np.asarray(weights, float)
    if np.allclose(w, w[0]):
        low, high = clopper_pearson(float(y.sum()), n, level)
        return Share(n, float(y.mean()), low, high, float(n), PLAIN)
    value = min(1.0, float(w @ y / w.sum()))  # a sum of weights rounds
    effective = _measure_effective(y, w, strata, value, level)
    low, high = clopper_pearson(value * effective, effective, level)
    return Share(n, value, low, high, effective, WEIGHTED)


def _measure_effective(
    y: np.ndarray, w: np.ndarray, strata: Sequence[Hashable], value: float, level: float
) -> float:
    """The smaller of Kish's and Korn and Graubard's effective size, at most the rows' number.

    A stratum with a single row takes the variance of all rows together.
    """
    kish = float(w.sum() ** 2 / (w @ w))
    positions: dict[Hashable, list[int]] = {}
    for position, stratum in enumerate(strata):
        positions.setdefault(stratum, []).append(position)
    pooled = value * (1 - value)
    variance = 0.0
    for here in positions.values():
        spread = float(np.var(y[here], ddof=1)) if len(here) > 1 else pooled
        variance += float(w[here].sum() / w.sum()) ** 2 * spread / len(here)
    if variance <= 0 or pooled <= 0:
        return kish
    freedom = len(y) - len(positions)
    adjusted = 1.0
    if freedom >= 1:
        tail = (1 - level) / 2
        adjusted = float((stats.t.ppf(tail, len(y) - 1) / stats.t.ppf(tail, freedom)) ** 2)
    return min(kish, adjusted * pooled / variance)
