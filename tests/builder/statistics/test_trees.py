"""Tree edit distances worked by hand, and constituency trees of a parser that is given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.errors import BuilderError, ConfigError
from builder.statistics.study import Settings, study
from builder.statistics.trees import Tree, distance, load_parser, parse_brackets
from tests.builder.statistics.corpora import write

CAT = "(ROOT (S (NP (DT The) (NN cat)) (VP (VBD sat))))"
DOG = "(S (NP (NN dogs)) (VP (VBP sit) (PP (IN on) (NP (NNS mats)))))"


def flat(sentences: list[str]) -> list[str]:
    """A parser whose trees are one layer of words."""
    return [f"(S {' '.join(f'(W {word})' for word in text.split())})" for text in sentences]


def short(sentences: list[str]) -> list[str]:
    """A parser that forgets a sentence."""
    return flat(sentences)[1:]


def test_brackets_become_trees_without_words() -> None:
    wanted = Tree("S", [Tree("NP", [Tree("DT"), Tree("NN")]), Tree("VP", [Tree("VBD")])])
    assert parse_brackets(CAT) == wanted
    assert parse_brackets("((S (W a)))") == Tree("S", [Tree("W")])
    assert parse_brackets(CAT).top(2) == Tree("S", [Tree("NP"), Tree("VP")])
    for bad in ("(S (NP)", "S", "", "(S) (S)", "(S))"):
        with pytest.raises(BuilderError, match="not one tree"):
            parse_brackets(bad)


def test_distances_worked_by_hand() -> None:
    a, b = parse_brackets(CAT), parse_brackets(DOG)
    assert distance(a, a) == 0
    # Away: DT. Renamed: VBD to VBP. New: PP, IN, NP, NNS.
    assert distance(a, b) == distance(b, a) == 6
    assert distance(a.top(1), b.top(1)) == distance(a.top(2), b.top(2)) == 0
    # At three layers DT goes, VBD is renamed and PP comes.
    assert distance(a.top(3), b.top(3)) == 3
    assert distance(Tree("a"), Tree("b", [Tree("c")])) == 2


def test_constituency_trees_of_a_given_parser(tmp_path: Path) -> None:
    rows = [
        {"source": "a b c", "target": "a b"},
        {"source": "a b c d", "target": "a"},
        {"source": "x " * 200, "target": "a"},
    ]
    path = str(write(tmp_path / "c.jsonl", rows))
    parser = f"{__name__}:flat"
    settings = Settings(measures=frozenset({"ted"}), parser=parser)
    from builder.statistics import trees

    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trees, "dependency_trees", lambda texts: [Tree("x") for _ in texts])
        document = study([path], settings)
    for measured in document["corpora"][0]["measures"]:
        found[measured["measure"]] = measured
    assert found["constituency_ted_f"]["value"] == (1 + 3) / 2
    assert found["constituency_ted_f"]["rows"] == 2
    assert f"parser:{parser}" in found["constituency_ted_f"]["signature"]
    assert document["published"][0]["ours"][0]["constituency_ted_f"] == 2.0
    assert found["ted_f"]["value"] == 0.0
    json.dumps(document, allow_nan=False)


def test_a_parser_that_is_none(tmp_path: Path) -> None:
    for name in ("no_such_module:parse", f"{__name__}:nothing", "words"):
        with pytest.raises(ConfigError, match="there is no parser"):
            load_parser(name)
