"""CONTRIBUTING.md's way of a sentence is the way that the code takes."""

from __future__ import annotations

import re
from pathlib import Path

from builder.stages.order import STAGES

ROOT = Path(__file__).parents[2]


def test_the_way_of_a_sentence_is_that_of_the_stages() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = text.partition("## The way of a sentence\n")[2].partition("\n## ")[0]
    files = re.findall(r"`([\w/]+\.py)`", section)
    assert [file for file in files if not (ROOT / file).is_file()] == []
    steps = re.findall(r"^\d+\. `([\w/]+\.py)`", section, re.MULTILINE)
    stages = [f"builder/stages/{stage.name}.py" for stage in STAGES]
    assert steps == ["builder/domains.py", *stages, "builder/release.py"]
