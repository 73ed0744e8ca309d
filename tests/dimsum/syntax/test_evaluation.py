"""Distances to what was asked for, and exemplars."""

from __future__ import annotations

import math

import pytest
from apted import APTED

from dimsum.errors import UsageError
from dimsum.evaluation.syntax import measure_tree_distances, measure_unparsed
from dimsum.metrics.bootstrap import compare, draw_resamples
from dimsum.syntax.exemplars import choose_nearest_exemplars, retrieve_trees, shuffle_exemplars
from dimsum.syntax.parsers import find_parser
from tests.dimsum.syntax import parsers

FLAT = find_parser(f"{parsers.__name__}:flat")


def test_distances_of_flat_trees_are_differences_of_lengths() -> None:
    outputs, others = ["a b", "a b c d", "", "a"], ["x", "x y", "x y z", "why?"]
    top, whole = measure_tree_distances(outputs, others, FLAT, "reference")
    assert (top.name, whole.name) == ("ted_3_reference", "ted_f_reference")
    assert top.value == whole.value == (1 + 2) / 2
    assert measure_unparsed([*outputs, "so?"], FLAT).value == 100 * 2 / 5
    nothing = measure_tree_distances([""], ["a"], FLAT, "x")[0]
    assert math.isnan(nothing.value)
    better = measure_tree_distances(outputs[:2], ["a b", "a b c"], FLAT, "reference")[1]
    worse = measure_tree_distances(outputs[:2], others[:2], FLAT, "reference")[1]
    assert compare(better, worse, draw_resamples(2, 50)).difference == (0 + 1) / 2 - (1 + 2) / 2


def test_shuffled_exemplars_are_those_of_others() -> None:
    exemplars = [f"sentence {n}" for n in range(30)]
    found = shuffle_exemplars(exemplars, lambda number, text: not text.endswith("7"))
    assert all(a != b for a, b in zip(found, exemplars, strict=True))
    assert set(found) <= set(exemplars) and not any(text.endswith("7") for text in found)
    assert found == shuffle_exemplars(exemplars, lambda number, text: not text.endswith("7"))
    assert found != shuffle_exemplars(exemplars, lambda number, text: True, seed=1)


@pytest.mark.embedded
def test_an_exemplar_is_built_alike_and_about_something_else() -> None:
    pool = [
        "Where did she go?",
        "A small child found the key in the garden.",
        "The old man lost the ring in the house.",
        "An old man lost his ring in a house yesterday.",
    ]
    sources, parser = ["In the house the old man lost the ring."], find_parser()
    reference = "The old man lost the ring in the house."
    found = choose_nearest_exemplars(sources, [reference], pool, parser)
    assert found == ["A small child found the key in the garden."]
    with pytest.raises(UsageError, match="could be an exemplar"):
        choose_nearest_exemplars(sources, ["The old man lost the ring."], pool[2:], parser)


@pytest.mark.embedded
def test_the_nearest_of_a_pool_is_that_of_all_comparisons() -> None:
    pool = [
        f"{subject} {verb}{where}."
        for subject in ("A dog", "Two very small birds", "My aunt from Rome")
        for verb in ("slept", "ate a pear", "said that it rained", "was seen by a friend")
        for where in ("", " on Monday", " while nobody in the street looked up")
    ]
    references = [
        "The minister resigned after the vote.",
        "Prices rose.",
        "Nine old trees were cut down by workers because the road had to be wider.",
    ]
    parser = find_parser()
    found = choose_nearest_exemplars(["Nothing."] * 3, references, pool, parser)
    trees = parser.parse([*references, *pool])
    for number, text in enumerate(found):
        gaps = []
        for place, other in enumerate(trees[3:]):
            pair = [
                APTED(a.trim(h).tree, b.trim(h).tree)
                for h in (3, 99)
                for a, b in [(trees[number], other)]
            ]
            gaps.append((*(one.compute_edit_distance() for one in pair), place))
        assert text == pool[min(gaps)[2]]


def test_trees_are_retrieved_by_those_of_the_sources() -> None:
    """The parser `flat` gives a node a word, so trees are alike where texts are as long."""
    pairs = [("a b", "a b c"), ("x y", "x y z"), ("a b", "c"), ("", "a b"), ("a b c d", "a")]
    found = retrieve_trees(["one two", "", "one two three four five six"], pairs, FLAT)
    assert found == ["(S (W) (W) (W))", "", "(S (W))"]
    with pytest.raises(UsageError, match="tree on both sides"):
        retrieve_trees(["one"], [("", "a")], FLAT)
