"""Twenty pairs for each task, written by hand with the rule that a faulty one should break."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.cli import run
from dimsum.data.files import read_file_rows
from dimsum.tasks import task_of
from dimsum.tasks.registry import FURTHER

PAIRS = Path(__file__).with_name("pairs")


@pytest.mark.parametrize("name", [task.name for task in FURTHER])
def test_the_rules_take_the_good_and_refuse_the_faulty(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    if name == "simplification":
        pytest.importorskip("wordfreq")
    file = PAIRS / f"{name}.jsonl"
    expected = [row["fails"] for row in read_file_rows(file)]
    assert len(expected) == 20 and 8 <= sum(map(bool, expected)) <= 12
    assert run(["task", "check", name, str(file), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    wrong = [
        (pair["target"], rule, pair["failed"])
        for pair, rule in zip(found["pairs"], expected, strict=True)
        if (rule not in pair["failed"] if rule else not pair["passes"])
    ]
    assert wrong == []
    critics = {f"entail_{direction}" for direction in task_of(name).directions}
    assert set(found["untried"]) - {"cosine"} == critics
