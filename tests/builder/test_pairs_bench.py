"""The benchmark of pairs runs with every preset, whatever its bounds name."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/bench/pairs.py"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    small = ("--candidates", "6", "--contexts", "2", "--rounds", "1")
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *small, *arguments])
    runpy.run_path(str(SCRIPT), run_name="__main__")


@pytest.mark.parametrize(
    ("preset", "count"),
    [
        ("news", 2 * 6 * 5),
        pytest.param("embedded", 2 * 6 * 5, marks=pytest.mark.embedded),
        pytest.param("paragraph_summary", 2 * (6 + 6 * 5), marks=pytest.mark.embedded),
        pytest.param("simplification", 2 * 6 * 5, marks=pytest.mark.embedded),
    ],
)
def test_both_ways_agree_under_the_bounds_of_a_preset(
    preset: str, count: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "--preset", preset)
    printed = capsys.readouterr().out
    assert printed.count(f"({count} pairs)") == 2
    kept, rejected = map(int, re.findall(r"kept (\d+), rejected (\d+), alike", printed)[0])
    assert kept + rejected == count
