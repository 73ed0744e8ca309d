"""Trees in brackets and back, and their distance against its definition."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dimsum.syntax.tree import (
    MOST_LAYERS,
    Parse,
    ParserMismatch,
    Tree,
    TreeError,
    linearise,
    looks_like_tree,
    measure_distance,
    read_brackets,
    split_name,
)

CAT = "(S (NP (DT The) (NN cat)) (VP (VBD sat)))"
DOG = "(S (NP (NN dogs)) (VP (VBP sit) (PP (IN on) (NP (NNS mats)))))"

LABELS = st.sampled_from(["S", "NP", "VP", "-LRB-", "nsubj", ","])
TREES = st.recursive(
    st.builds(Tree, LABELS),
    lambda below: st.builds(Tree, LABELS, st.lists(below, max_size=3)),
    max_leaves=6,
)

Forest = tuple[tuple[str, "Forest"], ...]


def frozen(tree: Tree) -> tuple[str, Forest]:
    return tree.name, tuple(frozen(child) for child in tree.children)


def by_definition(a: Tree, b: Tree) -> int:
    """The edit distance of ordered forests as its recursion is defined: the last roots are
    removed, inserted, or matched; every node costs one."""

    @cache
    def cost(left: Forest, right: Forest) -> int:
        if not left and not right:
            return 0
        found = []
        if left:
            found.append(1 + cost(left[:-1] + left[-1][1], right))
        if right:
            found.append(1 + cost(left, right[:-1] + right[-1][1]))
        if left and right:
            (one, below), (other, under) = left[-1], right[-1]
            matched = cost(left[:-1], right[:-1]) + cost(below, under)
            found.append(matched + (one != other))
        return min(found)

    return cost((frozen(a),), (frozen(b),))


def apart(a: Tree, b: Tree) -> int:
    return measure_distance(Parse("p", a), Parse("p", b))


@given(TREES)
def test_a_tree_comes_back_from_its_brackets(tree: Tree) -> None:
    assert read_brackets(linearise(tree)) == tree


@given(TREES, TREES)
@settings(deadline=None, max_examples=150)
def test_the_distance_is_that_of_the_definition(a: Tree, b: Tree) -> None:
    assert apart(a, b) == by_definition(a, b)


@given(TREES, st.integers(1, 6))
def test_a_trimmed_tree_has_the_first_layers(tree: Tree, height: int) -> None:
    found = tree.trim(height)
    assert found.height == min(height, tree.height)
    assert [node.name for node in found.nodes()] == [
        node.name for node, layer in layers(tree, 1) if layer <= height
    ]


def layers(tree: Tree, layer: int) -> list[tuple[Tree, int]]:
    return [(tree, layer), *(pair for child in tree.children for pair in layers(child, layer + 1))]


def test_words_are_left_out() -> None:
    wanted = Tree("S", [Tree("NP", [Tree("DT"), Tree("NN")]), Tree("VP", [Tree("VBD")])])
    assert read_brackets(CAT) == wanted
    assert linearise(wanted) == "(S (NP (DT) (NN)) (VP (VBD)))"
    assert linearise(wanted.trim(2)) == "(S (NP) (VP))"


def test_distances_worked_by_hand() -> None:
    a, b = read_brackets(CAT), read_brackets(DOG)
    assert apart(a, a) == 0
    # Away: DT. Renamed: VBD to VBP. New: PP, IN, NP, NNS.
    assert apart(a, b) == apart(b, a) == 6
    assert apart(a.trim(1), b.trim(1)) == apart(a.trim(2), b.trim(2)) == 0
    # At three layers DT goes, VBD is renamed and PP comes.
    assert apart(a.trim(3), b.trim(3)) == 3
    assert apart(Tree("a"), Tree("b", [Tree("c")])) == 2
    # A node between a parent and its children costs one, whatever hangs on it.
    assert apart(read_brackets("(a (b) (c))"), read_brackets("(a (x (b) (c)))")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "S",
        "(S (NP)",
        "(S))",
        "(S) (S)",
        "(S) x",
        "x (S)",
        ")(",
        "(S ())",
        "(S ((NP)))",
        "(a " * (MOST_LAYERS + 1) + ")" * (MOST_LAYERS + 1),
    ],
)
def test_what_is_no_tree_is_refused(text: str) -> None:
    with pytest.raises(TreeError, match="not one tree in brackets") as error:
        read_brackets(text)
    assert error.value.hint


def test_trees_of_two_parsers_are_never_compared() -> None:
    one, other = Parse("dependency", Tree("text")), Parse("mine:parse", Tree("text"))
    assert measure_distance(one, Parse("dependency", Tree("text"))) == 0
    with pytest.raises(ParserMismatch, match="dependency and mine:parse"):
        measure_distance(one, other)


def test_what_is_meant_as_a_tree() -> None:
    assert looks_like_tree(" (S (NP)) ") and looks_like_tree("(S (NP)")
    assert looks_like_tree("(S (NP (DT") and looks_like_tree("((S")
    assert looks_like_tree("dependency (text (ROOT))") and looks_like_tree("my.own:parse (S)")
    for sentence in ("A dog sleeps.", "(Reuters) A dog sleeps.", "He said (no)", "Note: (x)"):
        assert not looks_like_tree(sentence)
    assert split_name("my.own:parse (S)") == ("my.own:parse", "(S)")
    assert split_name("(S)") == ("", "(S)")
    assert str(Parse("a:b", Tree("S", [Tree("NP")]))) == "a:b (S (NP))"
