"""The page on free and constrained sampling, written from toy builds."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/reproduce/generation.py"


def test_every_arm_has_its_row_and_the_same_contexts(
    toy_document: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    toy_document["candidates"]["methods"][0]["share"] = 0.5
    own = {"kind": "sequential", "share": 0.5, "beams": 3}
    toy_document["candidates"]["methods"].append(own)
    config = tmp_path / "toy.yaml"
    config.write_text(yaml.safe_dump(toy_document))
    page = tmp_path / "docs/page.md"
    arguments = [tmp_path / "runs", "--config", config, "--openings", 1, "--samples", 4]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments), "--page", str(page)])
    runpy.run_path(str(SCRIPT), run_name="__main__")

    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 9
    assert {row["temperature"] for row in rows} == {0.5, 0.7, 0.9}
    assert len({(row["contexts"], row["candidates"]) for row in rows}) == 1
    assert all(row["per_1000_low"] <= row["per_1000"] <= row["per_1000_high"] for row in rows)
    assert all((row["unmet"] is None) == (row["recipe"] == "parallel") for row in rows)
    contexts = {path.read_bytes() for path in tmp_path.glob("runs/*/contexts/00000.parquet")}
    assert len(contexts) == 1
    text = page.read_text()
    assert text.count("| sequential, 3 keywords | 0.7 |") == 2
    assert "`toy` draws at temperature" in text
    assert page.with_suffix(".svg").read_text().lstrip().startswith("<?xml")
    assert "nan" not in text.lower().replace("nance", "")
