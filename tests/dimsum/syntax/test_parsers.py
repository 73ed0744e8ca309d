"""Parsers by name: what they give, and what is refused."""

from __future__ import annotations

import builtins
from typing import Any

import pytest

from dimsum import english
from dimsum.errors import DimsumError, ModelError, UsageError
from dimsum.syntax.parsers import DEPENDENCY, find_parser
from dimsum.syntax.tree import Parse, ParserMismatch, Tree, TreeError, linearise
from tests.dimsum.syntax import parsers

HERE = parsers.__name__


def test_a_parser_of_ones_own() -> None:
    parser = find_parser(f"{HERE}:flat")
    two = Tree("S", [Tree("W"), Tree("W")])
    assert parser.parse(["a b", "", "really so?", "  "]) == [
        Parse(f"{HERE}:flat", two),
        None,
        None,
        None,
    ]
    assert parser.parse([]) == []
    rooted = find_parser(f"{HERE}:rooted").parse(["a b"])[0]
    assert rooted is not None and rooted.tree == two


def test_a_parser_that_breaks_the_agreement() -> None:
    with pytest.raises(DimsumError, match="gave 1 trees for 2 sentences"):
        find_parser(f"{HERE}:short").parse(["a", "b"])
    with pytest.raises(TreeError, match="not one tree"):
        find_parser(f"{HERE}:broken").parse(["a"])


@pytest.mark.parametrize("name", ["no_such_module:parse", f"{HERE}:nothing", "words", "depndency"])
def test_a_parser_that_is_none(name: str) -> None:
    with pytest.raises(UsageError) as error:
        find_parser(name)
    assert name in error.value.message and error.value.hint


def test_what_is_no_function() -> None:
    with pytest.raises(UsageError, match="is no function"):
        find_parser(f"{HERE}:NUMBER")


def test_a_tree_that_is_given() -> None:
    own, other = find_parser(f"{HERE}:flat"), find_parser()
    assert own.read(f"{HERE}:flat (S (W a))") == own.read("(ROOT (S (W a)))")
    assert other.read("(ROOT (nsubj))") == other.read("dependency (text (ROOT (nsubj)))")
    assert linearise(other.read("(ROOT (nsubj))").tree) == "(text (ROOT (nsubj)))"
    with pytest.raises(ParserMismatch, match=f"of the parser {HERE}:flat, and dependency"):
        other.read(f"{HERE}:flat (S (W a))")
    with pytest.raises(TreeError):
        own.read("(S (W a)")
    with pytest.raises(TreeError, match="without a label at its root"):
        own.read("((S) (S))")


def test_no_parser_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name in english.PACKAGES:
            raise ImportError(name)
        return plain(name, *rest, **named)

    english.load_nlp.cache_clear()
    monkeypatch.setattr("importlib.import_module", lambda name: refuse(name))
    try:
        with pytest.raises(ModelError, match="English pipeline is not installed") as error:
            find_parser().parse(["A dog sleeps."])
        assert "requirements-embedded" in error.value.hint
    finally:
        english.load_nlp.cache_clear()


@pytest.mark.embedded
def test_dependency_trees_are_those_of_the_sentence() -> None:
    parser = find_parser(DEPENDENCY)
    first, same, passive, two = parser.parse(
        ["The dog sleeps.", "The cat sleeps.", "The dog was seen by us.", "It rains. We go."]
    )
    assert first is not None and passive is not None and two is not None
    assert linearise(first.tree) == "(text (ROOT (nsubj (det)) (punct)))"
    assert same == first
    assert linearise(passive.tree) == (
        "(text (ROOT (nsubjpass (det)) (auxpass) (agent (pobj)) (punct)))"
    )
    assert [root.name for root in two.tree.children] == ["ROOT", "ROOT"]
    assert parser.read(str(first)) == first
