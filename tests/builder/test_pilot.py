"""What a few openings say of a whole build."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from builder.cli import run


def test_a_pilot_shows_pairs_and_reasons_and_leaves_nothing(
    toy_yaml: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = sorted(tmp_path.rglob("*"))
    words = ["build", str(toy_yaml), "--preview", "--quiet"]
    assert run([*words, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["openings"] == {"here": 2, "all": 6}
    steps = {step["stage"]: step for step in found["funnel"]}
    kept = steps["duplicates"]["kept"]
    assert 0 < len(found["kept"]) == min(10, kept)
    assert sum(found["pairs"].values()) == pytest.approx(3 * kept, abs=1)
    assert all(row["reason"] and row["stage"] for row in found["rejected"])
    assert len(found["rejected"]) == 10
    assert found["seconds"]["all"] == pytest.approx(3 * found["seconds"]["here"])
    assert found["disk"]["all"] == pytest.approx(3 * found["disk"]["here"], abs=1)
    assert found["memory"] > 50e6
    assert sorted(tmp_path.rglob("*")) == before
    assert run(words) == 0
    shown = capfd.readouterr().out
    assert "2 of 6 openings" in shown and found["kept"][0]["source"][:30] in shown


def test_a_pilot_that_keeps_nothing_says_why(
    toy_yaml: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    high: list[Any] = ["--set", "rules.summary.entail_forward.min=0.999999"]
    high += ["--set", "rules.paraphrase.entail_forward.min=0.999999"]
    assert run(["build", str(toy_yaml), "--preview", "--quiet", "--json", *high]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["kept"] == [] and len(found["rejected"]) == 10


def test_a_preview_has_no_folder(toy_yaml: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["build", str(toy_yaml), "--preview", "-o", "runs/x"]) == 2
    assert "a preview keeps nothing" in capfd.readouterr().err
