"""Rarer control codes come more often, each of their pairs about equally so."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from dimsum.training.balance import balance_codes, count_repeats
from dimsum.training.examples import Examples

CODES = ["long"] * 8 + ["short"] * 2 + ["paraphrase"] * 3


def came(balance: float) -> Counter[str]:
    total: Counter[str] = Counter()
    for code, times in zip(CODES, count_repeats(CODES, balance), strict=True):
        total[code] += times
    return total


@pytest.mark.parametrize(
    ("balance", "expected"),
    [
        (0.0, {"long": 8, "short": 2, "paraphrase": 3}),
        (0.5, {"long": 8, "short": 4, "paraphrase": 5}),  # 8 sqrt(2/8), 8 sqrt(3/8) = 4.9
        (1.0, {"long": 8, "short": 8, "paraphrase": 8}),
    ],
)
def test_codes_come_by_the_power_of_their_share(balance: float, expected: dict[str, int]) -> None:
    assert came(balance) == expected


def test_examples_of_a_code_differ_by_one_pass_at_most() -> None:
    times = count_repeats(CODES, 1.0)
    assert times == [1] * 8 + [4, 4] + [3, 3, 2]


def test_no_examples() -> None:
    assert count_repeats([], 1.0) == []


def test_rows_are_repeated_beside_each_other() -> None:
    plain = Examples([([1], [2]), ([3], [4, 5]), ([6], [7])], causal=True)
    found = balance_codes(plain, ["a", "a", "b"], 1.0)
    assert [found.row(i) for i in range(len(found))] == [
        ([1], [2]),
        ([3], [4, 5]),
        ([6], [7]),
        ([6], [7]),
    ]
    assert balance_codes(plain, ["a", "a", "b"], 0.0) is plain


def test_a_repeated_pair_keeps_its_weight() -> None:
    plain = Examples([([1], [2]), ([3], [4]), ([6], [7])], causal=True)
    plain.weights = np.asarray([0.5, 1.0, 1.5], dtype=np.float32)
    found = balance_codes(plain, ["a", "a", "b"], 1.0).weights
    assert found is not None
    assert found.tolist() == [0.5, 1.0, 1.5, 1.5]
