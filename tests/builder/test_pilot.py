"""What a few openings say of a whole build."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from builder.cli import run
from builder.config import parse_config
from builder.pilot import pilot
from builder.run import build
from builder.store import Run


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
    assert found["openings"] == {"here": 2, "all": 6, "taken": 6}
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


def test_a_pilot_tells_how_many_openings_the_wanted_pairs_take(
    toy_document: dict[str, Any],
    toy_yaml: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Its openings are those of the first shard, so the build ends as it says."""
    toy_document["contexts"]["openings"] = 10
    config = parse_config(toy_document)
    whole = pilot(config)
    few = min(whole.pairs.values()) // 5
    assert few > 3 and whole.taken == 10 and whole.suffices and whole.wanted is None

    asked = config.run.model_copy(update={"pairs": few - 2})
    found = pilot(config.model_copy(update={"run": asked}))
    assert found.taken == 2 and found.suffices
    assert found.pairs == dict.fromkeys(whole.pairs, few - 2)
    assert found.disk[0] == found.disk[1]
    build(config.model_copy(update={"run": asked}), tmp_path / "run")
    assert Run(tmp_path / "run").header()["config"]["run"]["shards"] == 1

    asked = config.run.model_copy(update={"pairs": 3 * few})
    assert pilot(config.model_copy(update={"run": asked})).taken == 6

    capfd.readouterr()
    much = ["build", str(toy_yaml), "--preview", "--quiet", "--set", "run.pairs=100000"]
    assert run(much) == 0
    assert "All are likely to give less than 100,000 pairs" in capfd.readouterr().out


def test_a_preview_has_no_folder(toy_yaml: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["build", str(toy_yaml), "--preview", "-o", "runs/x"]) == 2
    assert "a preview keeps nothing" in capfd.readouterr().err
