"""The loosest threshold of P(valid) whose precision is sure to reach a target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from builder.audit.intervals import clopper_pearson, measure_share

if TYPE_CHECKING:
    from builder.measures.base import Floats

LEVEL = 0.9
"""Of the two-sided interval, whose lower end is then a one-sided bound of 95%."""


@dataclass(frozen=True)
class Threshold:
    """A threshold and what it brings, or why there is none.

    Attributes:
        value: pairs at or above it are kept; None where no threshold reaches the target.
        precision: of the labels at or above it.
        low: lower 95% bound of the precision.
        labels: at or above it.
        kept: share of the pairs that the labels stand for.
        recall: share of the valid ones among them.
        more: further labels that would do if the best precision seen is the true one; None where
            none would, or none are needed.
    """

    target: float
    value: float | None
    precision: float | None
    low: float
    labels: int
    kept: float
    recall: float
    more: int | None


def find_loosest(unseen: Floats, valid: Any, weight: Floats, target: float) -> Threshold:
    """The loosest threshold whose lower confidence bound reaches the target.

    Thresholds are tried from the strictest on, and the first that fails after one has passed ends
    the search, so that a lucky one further down is not chosen.

    Args:
        unseen: P(valid) of each label by a model that has not seen it.
        weight: pairs that each label stands for.
    """
    valid = np.asarray(valid, dtype=bool)
    order = np.argsort(-unseen, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(unseen[order]) != 0, True)) + 1
    found: Threshold | None = None
    best = (0.0, 0)
    for end in ends.tolist():
        top = order[:end]
        one = measure_share(valid[top].tolist(), weight[top].tolist(), ["all"] * end, LEVEL)
        assert one.value is not None
        if one.low >= target:
            found = Threshold(
                target=target,
                value=float(unseen[order[end - 1]]),
                precision=one.value,
                low=one.low,
                labels=end,
                kept=float(weight[top].sum() / weight.sum()),
                recall=float(weight[top][valid[top]].sum() / max(weight[valid].sum(), 1e-12)),
                more=None,
            )
        elif found is not None:
            break
        if end >= 10 and one.value > best[0]:
            best = (one.value, end)
    if found is not None:
        return found
    more = _count_missing(best[0], target, best[1])
    return Threshold(target, None, best[0] if best[1] else None, 0.0, best[1], 0.0, 0.0, more)


def _count_missing(precision: float, target: float, have: int) -> int | None:
    """Labels above a threshold of this precision that are missing for its bound to reach the
    target; None where it is not above the target.
    """
    if precision <= target:
        return None
    needed = have
    while clopper_pearson(precision * needed, needed, LEVEL)[0] < target:
        needed += max(1, needed // 50)
        if needed > 1_000_000:
            return None
    return needed - have
