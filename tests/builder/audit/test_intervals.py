"""Intervals against scipy's exact test and against draws from a known population."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from builder.audit.intervals import PLAIN, WEIGHTED, clopper_pearson, measure_share


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (10, 10), (69, 228), (1, 1), (3, 17)])
@pytest.mark.parametrize("level", [0.95, 0.975])
def test_clopper_pearson_is_the_exact_interval(hits: int, n: int, level: float) -> None:
    expected = binomtest(hits, n).proportion_ci(level, method="exact")
    assert clopper_pearson(hits, n, level) == pytest.approx((expected.low, expected.high))
    found = measure_share([True] * hits + [False] * (n - hits), [2.5] * n, [0] * n, level)
    assert found.method == PLAIN
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.value == hits / n


def test_nothing_read_says_nothing() -> None:
    found = measure_share([], [], [])
    assert (found.value, found.low, found.high, found.n) == (None, 0.0, 1.0, 0)


def test_weights_give_the_population_back() -> None:
    hits = [True] * 10 + [False] * 10
    weights = [1.0] * 10 + [9.0] * 10
    found = measure_share(hits, weights, [0] * 10 + [1] * 10)
    assert found.value == pytest.approx(0.1)
    assert found.method == WEIGHTED
    assert found.effective <= 20 and found.low < 0.1 < found.high


def test_weighted_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(11)
    sizes, drawn, truth = [200, 2000, 40], [60, 60, 20], [0.3, 0.04, 0.8]
    populations = [np.arange(n) < round(p * n) for n, p in zip(sizes, truth, strict=True)]
    whole = sum(one.sum() for one in populations) / sum(sizes)
    held = 0
    for _ in range(500):
        hits: list[bool] = []
        weights: list[float] = []
        strata: list[int] = []
        for h, (one, n) in enumerate(zip(populations, drawn, strict=True)):
            hits += rng.choice(one, n, replace=False).tolist()
            weights += [len(one) / n] * n
            strata += [h] * n
        found = measure_share(hits, weights, strata)
        held += found.low <= whole <= found.high
    assert held / 500 >= 0.94
