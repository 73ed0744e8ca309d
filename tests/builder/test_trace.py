"""A released row followed back, and made again from its seeds."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from builder.cli import run
from builder.config import BuildConfig
from builder.store import make_seed


@pytest.fixture
def built(toy_run: tuple[Path, BuildConfig]) -> Path:
    return toy_run[0]


def test_a_row_is_followed_to_its_opening_and_made_again(
    built: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    row = pq.read_table(next((built / "dimsum_plus").rglob("*train*.parquet"))).to_pylist()[0]
    before = {path: path.read_bytes() for path in built.rglob("*.parquet")}
    assert run(["trace", str(built), row["id"], "--again", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    steps = {step["stage"]: step for step in found["steps"]}
    assert found["row"]["source"] == row["source"]
    (context,) = steps["contexts"]["rows"]
    assert context["context"] == row["context"] and context["opening"]
    said = {one["sentence"] for one in steps["candidates"]["rows"]}
    assert said == {row["source"], row["target"]}
    assert steps["scores"]["rows"][0]["entail_forward"] == pytest.approx(row["entail_forward"])
    for step in found["steps"]:
        assert step["seed"] == make_seed(0, step["stage"], step["shard"])
    for rule in found["rules"].values():
        assert rule["value"] is None or (rule["min"] or -1e9) <= rule["value"]
    assert found["again"] and all(found["again"].values())
    assert {path: path.read_bytes() for path in built.rglob("*.parquet")} == before
    assert not list(built.parent.glob(".run-again-*"))
    assert run(["trace", str(built), row["id"][:20]]) == 0
    shown = capfd.readouterr().out
    assert row["source"] in shown and "rule" in shown and context["opening"] in shown


def test_what_cannot_be_traced_gets_one_clear_line(
    built: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["trace", str(built), "nosuch"]) == 2
    assert "no row has an id that begins with 'nosuch'" in capfd.readouterr().err
    assert run(["trace", str(built), ""]) == 2
    assert "rows have an id" in capfd.readouterr().err
    assert run(["trace", str(tmp_path), "x"]) != 0
