"""What is released says nothing about the machine that made it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml

from builder.config import parse_config
from builder.public import make_public
from builder.run import build
from tests.toys import toy_config


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("/home/ann/models/critic", "critic"),
        ("C:\\Users\\ann\\openings.txt", "openings.txt"),
        ("embedded:critic", "embedded:critic"),
        ("owner/name@main", "owner/name@main"),
        ("module:name", "module:name"),
        (
            {"forbidden": ["/r/", "/"], "banned": ["/"]},
            {"forbidden": ["/r/", "/"], "banned": ["/"]},
        ),
        ({"critic": {"model": "./my/critic"}}, {"critic": {"model": "critic"}}),
        ({"a": ["/x/y", 1, None, True]}, {"a": ["y", 1, None, True]}),
    ],
)
def test_of_a_path_only_the_last_part_is_shown(given: object, shown: object) -> None:
    assert make_public(given) == shown


def test_no_released_file_holds_a_path_or_a_name_of_this_machine(
    toy_teacher: Path, toy_critic: Path, tmp_path: Path
) -> None:
    openings = tmp_path / "openings.txt"
    openings.write_text("The city\nThe court\nThe people\n")
    document = toy_config(toy_teacher, toy_critic)
    document["domains"] = [{"name": "own", "kind": "file", "file": str(openings)}]
    dataset = build(parse_config(document), tmp_path / "run").dataset
    config = yaml.safe_load((dataset / "provenance/config.yaml").read_text())
    assert config["domains"][0]["file"] == "openings.txt"
    assert config["teacher"]["model"] == toy_teacher.name
    private = [str(tmp_path), str(toy_teacher.parent), str(Path.home()) + "/", socket.gethostname()]
    texts = [p for p in dataset.rglob("*") if p.is_file() and p.suffix not in {".parquet", ".png"}]
    assert len(texts) >= 6
    for path in texts:
        text = path.read_text(encoding="utf-8")
        assert not [one for one in private if one in text], path
