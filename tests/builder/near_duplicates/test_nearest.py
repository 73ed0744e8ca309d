"""The nearest of each set, against a comparison of all."""

from __future__ import annotations

import random

import numpy as np
import pytest

from builder.near_duplicates import meetings, nearest
from builder.statistics.words import hash_texts
from tests.builder.near_duplicates.by_strings import jaccard


def found(sets: list[frozenset[str]]) -> list[tuple[int, float]]:
    keys = hash_texts(element for elements in sets for element in elements)
    other, likeness = nearest.find_nearest(keys, np.asarray([len(one) for one in sets], np.int64))
    return list(zip(other.tolist(), likeness.tolist(), strict=True))


def wanted(sets: list[frozenset[str]], most: int) -> list[tuple[int, float]]:
    """The first of the likest, among sets that share an element of at most so many."""
    holders: dict[str, set[int]] = {}
    for number, elements in enumerate(sets):
        for element in elements:
            holders.setdefault(element, set()).add(number)
    result = []
    for number, elements in enumerate(sets):
        met = [holders[element] for element in elements if len(holders[element]) <= most]
        best = (number, 0.0)
        for other in sorted(set().union(*met) - {number}):
            if (value := jaccard(elements, sets[other])) > best[1]:
                best = (other, value)
        result.append(best)
    return result


@pytest.mark.parametrize("most", [3, 12, 200])
@pytest.mark.parametrize("at_once", [7, 1 << 20])
def test_the_nearest_is_that_of_a_comparison_of_all(
    most: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest, "COMMON", most)
    monkeypatch.setattr(meetings, "_PAIRS", at_once)
    rng = random.Random(0)
    sets = [frozenset(rng.choices("abcdefghijklmnopqrst", k=4)) for _ in range(60)]
    sets += [sets[3], frozenset({"alone"}), frozenset()]
    assert found(sets) == wanted(sets, most)


def test_one_set_has_no_other() -> None:
    assert found([frozenset("ab")]) == [(0, 0.0)]
