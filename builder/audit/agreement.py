"""Krippendorff's alpha: how far readers agree beyond chance, with a bootstrap over items.

Source: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability. 1 is full agreement, 0 what
chance would give. Items with fewer than two answers say nothing and are left out. Where all
answers carry one label, chance agreement is certain and alpha is undefined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from dimsum.metrics.bootstrap import RESAMPLES, SEED, draw_resamples, find_percentiles

Level = Literal["nominal", "ordinal", "interval"]
LEVELS: tuple[Level, ...] = get_args(Level)
Answers = Sequence[Sequence[float | None]]
"""For each item the answers of all readers; None where one did not answer."""


@dataclass(frozen=True, slots=True)
class Alpha:
    """Krippendorff's alpha of one question.

    Attributes:
        items: with two answers or more.
        value: None where it is undefined.
        low: 2.5th percentile of the bootstrap over items; None where alpha or too many of the
            resamples are undefined.
        high: 97.5th percentile.
        undefined: resamples in which there was one label only; left out of the percentiles.
    """

    level: Level
    items: int
    value: float | None
    low: float | None
    high: float | None
    undefined: int


MOST_UNDEFINED = 0.05
"""Share of undefined resamples up to which percentiles of the others are an interval."""


def measure_alpha(answers: Answers, level: Level = "nominal", *, seed: int = SEED) -> Alpha:
    """Alpha with its 95% percentile interval."""
    labels = sorted({value for item in answers for value in item if value is not None})
    rows = [
        count_coincidences(item, labels) for item in answers if sum(v is not None for v in item) > 1
    ]
    if not rows:
        return Alpha(level, 0, None, None, None, 0)
    each = np.stack(rows)
    value = _measure_alpha(each.sum(axis=0), labels, level)
    if value is None:
        return Alpha(level, len(rows), None, None, None, 0)
    times = draw_resamples(len(rows), RESAMPLES, seed)
    totals = np.tensordot(times, each, axes=1)
    found = [_measure_alpha(total, labels, level) for total in totals]
    defined = [one for one in found if one is not None]
    undefined = len(found) - len(defined)
    if undefined > MOST_UNDEFINED * len(found):
        return Alpha(level, len(rows), value, None, None, undefined)
    low, high = find_percentiles(defined)
    return Alpha(level, len(rows), value, low, high, undefined)


def count_coincidences(item: Sequence[float | None], labels: Sequence[float]) -> np.ndarray:
    """Pairs of answers of one item by their two labels, shape (labels, labels).

    Each answer counts once in all: its pairs with the item's m - 1 others weigh 1 / (m - 1).
    """
    position = {label: index for index, label in enumerate(labels)}
    counts = np.zeros(len(labels))
    for value in item:
        if value is not None:
            counts[position[value]] += 1
    pairs: np.ndarray = (np.outer(counts, counts) - np.diag(counts)) / (counts.sum() - 1)
    return pairs


def _measure_alpha(total: np.ndarray, labels: Sequence[float], level: Level) -> float | None:
    """1 - observed over expected disagreement; None where none is expected."""
    marginal = total.sum(axis=1)
    distance = _measure_distance(marginal, labels, level)
    n = marginal.sum()
    expected = float((np.outer(marginal, marginal) * distance).sum() / (n - 1))
    if expected <= 0:
        return None
    return 1.0 - float((total * distance).sum()) / expected


def _measure_distance(marginal: np.ndarray, labels: Sequence[float], level: Level) -> np.ndarray:
    """Squared difference of each two labels, shape (labels, labels)."""
    if level == "nominal":
        return 1.0 - np.eye(len(labels))
    if level == "interval":
        values = np.asarray(labels, float)
    else:  # ordinal: answers that lie between two labels, the two themselves by half
        values = np.cumsum(marginal) - marginal / 2
    squared: np.ndarray = (values[:, None] - values[None, :]) ** 2
    return squared
