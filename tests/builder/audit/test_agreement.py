"""Krippendorff's alpha against the published example and against a count by hand."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from builder.audit.agreement import Level, measure_alpha

# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", data with missing values:
# four observers, twelve units.
PUBLISHED = [
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
]
UNITS = list(
    zip(*([None if c == "." else float(c) for c in row.split()] for row in PUBLISHED), strict=True)
)


@pytest.mark.parametrize(
    ("level", "expected"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_the_published_example(level: Level, expected: float) -> None:
    found = measure_alpha(UNITS, level)
    assert found.value == pytest.approx(expected, abs=5e-4)
    assert found.items == 11  # the last unit has one answer
    assert found.low is not None and found.high is not None
    assert found.low < expected < found.high <= 1


def by_hand(units: list[tuple[float, ...]]) -> float:
    """Nominal alpha of complete data by its definition, pair by pair."""
    observed = [a != b for unit in units for a, b in permutations(unit, 2)]
    every = [value for unit in units for value in unit]
    expected = [a != b for a, b in permutations(every, 2)]
    return 1 - float(np.mean(observed)) / float(np.mean(expected))


def test_random_answers_against_the_definition() -> None:
    rng = np.random.default_rng(3)
    for readers in (2, 3, 5):
        units = [tuple(float(v) for v in rng.integers(0, 3, readers)) for _ in range(40)]
        assert measure_alpha(units).value == pytest.approx(by_hand(units), abs=1e-12)


def test_one_label_is_undefined_and_nearly_one_label_has_no_interval() -> None:
    found = measure_alpha([(1.0, 1.0)] * 10)
    assert found.value is None and found.low is None and found.items == 10
    assert measure_alpha([(1.0, None)] * 10).items == 0
    assert measure_alpha([]).value is None
    nearly = measure_alpha([(1.0, 1.0)] * 9 + [(1.0, 0.0)])
    assert nearly.value is not None and nearly.low is None and nearly.undefined > 100


def test_full_agreement_is_one() -> None:
    for level in ("nominal", "ordinal", "interval"):
        assert measure_alpha([(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)] * 5, level).value == 1
