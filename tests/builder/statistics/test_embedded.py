"""The slow parts with the real small models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.statistics.fidelity import find_entities
from builder.statistics.study import SAMPLES, Settings, parse_measures, study
from tests.builder.statistics.corpora import write

pytestmark = pytest.mark.embedded

PAIRS = [
    ("The minister said on Monday that the road would be closed.", "The road will be closed."),
    ("Anna Bell lives in Paris with her two dogs.", "Anna Bell has two dogs in Paris."),
    ("The company cut 200 jobs last year.", "Two hundred jobs were cut by the company."),
]


def test_entities_are_names_and_not_amounts() -> None:
    assert find_entities([PAIRS[1][0], "Nobody came.", "It cost $20 on Monday."]) == [
        [frozenset({"anna", "bell"}), frozenset({"paris"})],
        [],
        [],
    ]


def test_everything_at_once(tmp_path: Path) -> None:
    rows = [{"source": s, "target": t} for s, t in PAIRS]
    path = write(tmp_path / "c.jsonl", rows)
    settings = Settings(measures=parse_measures(["all"]), critic="embedded:critic")
    document = study([str(path)], settings)
    json.dumps(document, allow_nan=False)
    found = {m["measure"]: m for m in document["corpora"][0]["measures"]}
    assert 60 < found["cosine"]["value"] < 100
    assert found["entail_forward"]["value"] > found["entail_both"]["value"] > 0
    assert found["numbers_forward"]["value"] == 1.0
    assert found["entities_forward"]["value"] == 1.0
    assert found["ted_f"]["value"] > found["ted_3"]["value"] > 0
    assert found["foreign"]["value"] == 0.0
    assert 1 <= found["vendi"]["value"] <= 3
    assert set(SAMPLES) >= {"cosine", "vendi"}
