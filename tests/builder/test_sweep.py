"""Combinations of settings on a toy build: what is shared, and what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from builder.cli import run
from builder.errors import ConfigError
from builder.sweep import Axis, parse_axis
from builder.sweep_page import format_page


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in (".json", ".parquet")
    }


def test_a_sweep_makes_only_what_differs_and_spoils_nothing(
    toy_document: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(toy_document))
    start = ["sweep", str(tmp_path / "toy.yaml"), "-o", str(tmp_path / "out"), "--json"]
    method = "candidates.methods.0.temperature"
    first = [*start, "--over", f"{method}=0.8", "--over", "splits.test=0.1"]
    assert run(first) == 0
    (before,) = json.loads(capfd.readouterr().out)["points"]
    kept = files_of(tmp_path / "out" / before["run"])
    words = ["--over", f"{method}=0.8,1.1", "--over", "splits.test=0.1,0.2"]
    assert run([*start, *words]) == 0
    points = json.loads(capfd.readouterr().out)["points"]
    assert [point["values"][method] for point in points] == [0.8, 0.8, 1.1, 1.1]
    assert points[0]["made"] == {}  # as it was before
    assert set(points[1]["made"]) == {"splits"}
    assert "contexts" not in points[2]["made"] and points[2]["made"]["candidates"] > 0
    assert set(points[3]["made"]) == {"splits"}
    assert all(sum(point["pairs"].values()) > 0 for point in points)
    assert files_of(tmp_path / "out" / before["run"]) == kept
    plain = tmp_path / "plain"
    alone = ["build", str(tmp_path / "toy.yaml"), "-o", str(plain), "--quiet", "--json"]
    assert run([*alone, "--set", f"{method}=1.1", "--set", "splits.test=0.2"]) == 0
    capfd.readouterr()
    released = sorted((plain / "dimsum_plus").rglob("*.parquet"))
    assert released
    for data in released:
        same = tmp_path / "out" / points[3]["run"] / data.relative_to(plain)
        assert same.read_bytes() == data.read_bytes()
    assert "| 1.1 | 0.2 |" in (tmp_path / "out" / "sweep.md").read_text()
    assert (tmp_path / "out" / "sweep.svg").read_text().startswith("<?xml")


def test_values_that_keep_no_pair_are_a_line_and_no_line_is_lost(
    toy_document: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    toy_document["contexts"]["openings"] = 2
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(toy_document))
    start = ["sweep", str(tmp_path / "toy.yaml"), "-o", str(tmp_path / "out"), "--json"]
    critics = f"critic.model={toy_document['critic']['model']},./gone"
    assert run([*start, "--over", critics]) == 1  # before the first build
    assert "gone" in capfd.readouterr().err and not (tmp_path / "out" / "runs").exists()
    (tmp_path / "bad.json").write_text("{")
    assert run([*start, "--over", f"validity=null,{tmp_path / 'bad.json'}"]) == 1
    assert "is no model of validity" in capfd.readouterr().err
    assert not (tmp_path / "out" / "runs").exists()
    ends = [f"rules.{task}.entail_forward.min=1" for task in ("paraphrase", "summary")]
    assert run([*start, "--over", ends[0], "--over", ends[1]]) == 0
    (point,) = json.loads(capfd.readouterr().out)["points"]
    assert (point["pairs"], point["validity"]) == ({}, {})
    document = (tmp_path / "out" / "sweep.json").read_bytes()
    assert run([*start, "--over", "seed=1"]) == 2
    assert "other values or settings, 1 of its lines, such as rules" in capfd.readouterr().err
    assert (tmp_path / "out" / "sweep.json").read_bytes() == document
    inner = ["-o", str(tmp_path / "out" / point["run"])]
    assert run([*start, "--over", "seed=1", *inner]) == 2
    assert "is a run" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--over", "seed"], "is not of the form"),
        (["--over", "seed="], "is not of the form"),
        (["--over", "seed=1,1"], "names a value twice"),
        (["--over", "seed=1,1.0"], "seed 1 and seed 1.0 are the same settings"),
        (["--set", "validity=null", "--over", "rules.summary.validity.min=0"], "needs a model"),
        (["--over", "seed=1", "--over", "seed=2"], "is on two axes"),
        (["--over", "splits={test: 0.1}", "--over", "splits.test=0.2"], "two axes: splits.test"),
        (["--over", "seed=1,2", "--set", "seed=3"], "--set seed=3 would have no effect"),
        (["--over", "seed=2020-01-01"], "(found '2020-01-01')"),
        (["--over", "sead=1,2"], "did you mean 'seed'"),
        (["--over", f"seed={','.join(map(str, range(300)))}"], "more than 200"),
    ],
)
def test_a_faulty_sweep_gets_one_clear_line(
    words: list[str], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["sweep", "embedded", "-o", str(tmp_path / "out"), *words]) == 2
    assert message in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_few_rows_do_not_tell_is_left_open() -> None:
    statistics = {"msttr_100": (None, None, None), "h3": (2.0, None, None), "x": (1.0, 0.5, 1.5)}
    point = {"values": {"seed": 1}, "made": {}, "pairs": {"summary": 2}, "validity": {}}
    points = [{**point, "statistics": statistics}]
    said = format_page({"config": "a.yaml", "axes": {"seed": [1]}, "points": points})
    assert "| 1 | 2 | - | - | 2.0 | 1.0 (0.5 to 1.5) | nothing |" in said


def test_values_are_read_as_yaml() -> None:
    assert parse_axis("a=2020-01-01") == Axis("a", ("2020-01-01",))
    assert parse_axis("a.b=0.5,null,[x, y]") == Axis("a.b", (0.5, None, ["x", "y"]))
    with pytest.raises(ConfigError):
        parse_axis("a=[")
