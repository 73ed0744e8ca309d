"""Translation as a task: a teacher of one language gives none, one of two gives some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from builder.config import parse_config
from builder.errors import GateError
from builder.run import build
from builder.stages.order import count_units
from builder.store import Run
from tests.tasks.translation import bilingual_text, translate
from tests.toys import make_teacher, sentence, toy_config


@pytest.fixture(scope="module")
def bilingual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_teacher(tmp_path_factory.mktemp("bilingual"), 300, bilingual_text)


def kept(teacher: Path, critic: Path, folder: Path) -> list[dict[str, Any]]:
    document = toy_config(teacher, critic)
    document["tasks"] = ["tests.tasks.translation:TRANSLATION"]
    del document["rules"], document["pairs"]["bounds"]
    document["rules"], document["pairs"]["bounds"] = {}, {}
    document["contexts"]["openings"] = 24
    document["candidates"]["samples"] = 24
    config = parse_config(document)
    build(config, folder)
    run = Run.open(folder)
    shards = range(count_units("decisions", config))
    return [row for n in shards for row in run.read("decisions", n).to_pylist()]


def test_a_teacher_of_one_language_gives_none(
    toy_teacher: Path, toy_critic: Path, tmp_path: Path
) -> None:
    with pytest.raises(GateError, match="no pair passed the filters"):
        kept(toy_teacher, toy_critic, tmp_path / "run")


def test_a_teacher_of_two_languages_gives_translations(
    bilingual: Path, toy_critic: Path, tmp_path: Path
) -> None:
    rows = kept(bilingual, toy_critic, tmp_path / "run")
    assert len(rows) >= 5
    for row in rows:
        assert translate(row["source"]) == row["target"]
    dataset = tmp_path / "run" / "dimsum_plus"
    assert "task_categories:\n- translation" in (dataset / "README.md").read_text("utf-8")


def test_the_dictionary_turns_every_sentence() -> None:
    import random

    rng = random.Random(1)
    texts = {sentence(rng) for _ in range(100)}
    assert len({translate(text) for text in texts}) == len(texts)
    assert translate("The old dog sleeps.") == "Gur byq qbt fyrrcf."
