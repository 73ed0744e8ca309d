"""The page on settings of a training: what differs, and what readers say source by source."""

from __future__ import annotations

import json
from typing import Any

from dimsum.training.recipe import load_recipe
from tests.scripts import script

script("student_page")
levers = script("levers")


def answer(system: str, row: int, *valid: bool) -> str:
    readers = [
        dict.fromkeys(("faithful", "fluent", "main_point"), True) | {"valid": v} for v in valid
    ]
    return json.dumps(
        {"part": "tune", "set": "s", "row": row, "system": system, "readers": readers}
    )


def recipe(*changes: str) -> dict[str, Any]:
    return load_recipe("embedded", changes).model_dump(mode="json")


def test_only_what_differs_is_named() -> None:
    base = recipe()
    assert levers.list_differences(base, base) == "as shipped"
    assert (
        levers.list_differences(recipe("epochs=4", "lora_rank=null"), base)
        == "lora_rank None, epochs 4"
    )
    smoothed = recipe("objective={kind: cross_entropy, smoothing: 0.1}")
    assert levers.list_differences(smoothed, base) == "objective.smoothing 0.1"


def test_an_output_is_valid_where_all_readers_say_so() -> None:
    lines = [
        *(answer("base", row, True, row < 2) for row in range(4)),
        *(answer("other", row, row > 0, True) for row in range(4)),
    ]
    answers = levers.read_answers([*lines, json.dumps({"part": "final"})])
    rows = levers.write_valid(["base", "other"], "base", answers).splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [row[5].split()[0] for row in cells] == ["50.0%", "75.0%"]
    assert cells[0][6:] == ["0", "0", "1.000"]
    assert cells[1][6:] == ["2", "1", "1.000"]  # rows 2 and 3 against row 0
