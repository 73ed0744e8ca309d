"""The script that writes NLI examples from the readings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from builder.critics.nli_data import LABELS, read_nli

SCRIPT = Path(__file__).resolve().parents[3] / "scripts/reproduce/critic.py"
LONG, SHORT = "The farmer sells fresh apples and pears.", "The farmer sells fresh apples."


def reading(run: str, task: str, target: str, *faithful: bool) -> dict[str, Any]:
    readers = [{"faithful": yes, "valid": yes} for yes in faithful]
    context = f"{run}/news-0"
    return {
        "context_id": context,
        "task": task,
        "source": LONG,
        "target": target,
        "readers": readers,
    }


def written(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    rows = [
        reading("a", "summary", "one", True, True),
        reading("a", "summary", "two", False),
        reading("a", "summary", "three", True, False),
        reading("b", "paraphrase", "four", True),
        reading("b", "paraphrase", "five", False),
    ]
    labels = folder / "labels.jsonl"
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [sys.executable, str(SCRIPT), "--labels", str(labels), "-o", str(folder / "x.jsonl")]
    return subprocess.run([*command, *options], capture_output=True, text=True, check=False)


def test_readings_become_examples_where_the_label_is_known(tmp_path: Path) -> None:
    assert written(tmp_path).returncode == 0
    found = [(e.premise, e.hypothesis, LABELS[e.label]) for e in read_nli(tmp_path / "x.jsonl")]
    assert found == [
        (LONG, "one", "entailment"),
        (LONG, "two", "neutral"),
        (LONG, "four", "entailment"),
        ("four", LONG, "entailment"),
    ]


def test_runs_are_left_out_and_edits_come_of_the_others(tmp_path: Path) -> None:
    assert written(tmp_path, "--only", "b", "--edits", "1").returncode == 0
    found = [(e.source, e.hypothesis) for e in read_nli(tmp_path / "x.jsonl")]
    assert found[:2] == [("context", "four"), ("context", LONG)]
    assert ("edits, conjunct dropped", SHORT) in found
    assert len(found) == len(set(found))
    assert len({source for source, _ in found}) == len(found) - 1  # one of each kind of edit
    assert written(tmp_path, "--without", "b").returncode == 0
    assert {e.hypothesis for e in read_nli(tmp_path / "x.jsonl")} == {"one", "two"}
    refused = written(tmp_path, "--without", "c")
    assert refused.returncode == 2
    assert "no run c; there are a, b" in refused.stderr
