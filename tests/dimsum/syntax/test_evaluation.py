"""Distances to what was asked for, and exemplars."""

from __future__ import annotations

import math

import pytest

from dimsum.errors import UsageError
from dimsum.evaluation.syntax import no_parse, tree_distances
from dimsum.metrics.bootstrap import compare, draws
from dimsum.syntax.exemplars import nearest_exemplars, shuffled
from dimsum.syntax.parsers import find_parser
from tests.dimsum.syntax import parsers

FLAT = find_parser(f"{parsers.__name__}:flat")


def test_distances_of_flat_trees_are_differences_of_lengths() -> None:
    outputs, others = ["a b", "a b c d", "", "a"], ["x", "x y", "x y z", "why?"]
    top, whole = tree_distances(outputs, others, FLAT, "reference")
    assert (top.name, whole.name) == ("ted_3_reference", "ted_f_reference")
    assert top.value == whole.value == (1 + 2) / 2
    assert no_parse([*outputs, "so?"], FLAT).value == 100 * 2 / 5
    nothing = tree_distances([""], ["a"], FLAT, "x")[0]
    assert math.isnan(nothing.value)
    better = tree_distances(outputs[:2], ["a b", "a b c"], FLAT, "reference")[1]
    worse = tree_distances(outputs[:2], others[:2], FLAT, "reference")[1]
    assert compare(better, worse, draws(2, 50)).difference == (0 + 1) / 2 - (1 + 2) / 2


def test_shuffled_exemplars_are_those_of_others() -> None:
    exemplars = [f"sentence {n}" for n in range(30)]
    found = shuffled(exemplars, lambda number, text: not text.endswith("7"))
    assert all(a != b for a, b in zip(found, exemplars, strict=True))
    assert set(found) <= set(exemplars) and not any(text.endswith("7") for text in found)
    assert found == shuffled(exemplars, lambda number, text: not text.endswith("7"))
    assert found != shuffled(exemplars, lambda number, text: True, seed=1)


@pytest.mark.embedded
def test_an_exemplar_is_built_alike_and_about_something_else() -> None:
    pool = [
        "Where did she go?",
        "A small child found the key in the garden.",
        "The old man lost the ring in the house.",
        "An old man lost his ring in a house yesterday.",
    ]
    sources = ["In the house the old man lost the ring."]
    assert nearest_exemplars(sources, ["The old man lost the ring in the house."], pool) == [
        "A small child found the key in the garden."
    ]
    with pytest.raises(UsageError, match="could be an exemplar"):
        nearest_exemplars(sources, ["The old man lost the ring."], pool[2:])
