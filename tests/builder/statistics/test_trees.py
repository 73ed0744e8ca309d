"""Tree edit distances of a corpus, by a parser that is given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.statistics.study import Settings, study
from dimsum.errors import UsageError
from dimsum.syntax import parsers
from tests.builder.statistics.corpora import write


def test_constituency_trees_of_a_given_parser(tmp_path: Path) -> None:
    rows = [
        {"source": "a b c", "target": "a b"},
        {"source": "a b c d", "target": "a"},
        {"source": "x " * 200, "target": "a"},
    ]
    path = str(write(tmp_path / "c.jsonl", rows))
    parser = "tests.dimsum.syntax.parsers:flat"
    settings = Settings(measures=frozenset({"ted"}), parser=parser)
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(parsers.PARSERS.shipped, "dependency", lambda texts: ["(x)" for _ in texts])
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
    path = str(write(tmp_path / "c.jsonl", [{"source": "a", "target": "b"}]))
    settings = Settings(measures=frozenset({"ted"}), parser="no_such_module:parse")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(parsers.PARSERS.shipped, "dependency", lambda texts: ["(x)" for _ in texts])
        with pytest.raises(UsageError, match="no_such_module:parse"):
            study([path], settings)
