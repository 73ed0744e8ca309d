"""The folder of a finished run: its card, its picture, and what it keeps when it is made again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.config import BuildConfig
from builder.errors import BuilderError
from builder.hub.local import name_companion, prepare, read_facts
from builder.hub.shapes import read_parquet_shape
from builder.release import RECORD, take_rows, write_release
from builder.statistics.published import load_tables
from builder.store import Run
from cards.facts import FACTS_PATH, DatasetFacts
from cards.lint import lint
from cards.render import HAND_START
from dimsum.language import detect_languages


@pytest.fixture
def run(toy_run: tuple[Path, BuildConfig], tmp_path: Path) -> tuple[Run, BuildConfig]:
    """A copy, for some tests change it."""
    folder, config = toy_run
    return Run.open(Path(shutil.copytree(folder, tmp_path / "run"))), config


def facts_of(folder: Path) -> DatasetFacts:
    facts = read_facts(folder / FACTS_PATH)
    assert isinstance(facts, DatasetFacts)
    return facts


def test_the_card_says_what_the_run_did(run: tuple[Run, BuildConfig]) -> None:
    opened, config = run
    folder = opened.folder / config.name
    assert {f.rule for f in lint(folder, read_parquet_shape) if f.level == "error"} == set()
    facts, card = facts_of(folder), (folder / "README.md").read_text()

    rows = [
        row for path in sorted(folder.rglob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]
    assert facts.rows == len(rows)
    assert facts.language == detect_languages(row["source"] for row in rows)
    train = [row for path in folder.rglob("train-*") for row in pq.read_table(path).to_pylist()]
    first = sorted(row["id"] for row in train)[:10]
    assert [row.id for row in facts.sample.rows] == first

    picture = ElementTree.parse(folder / "pictures/funnel.svg")
    said = "".join(picture.getroot().itertext())
    funnel = json.loads((folder / "provenance/funnel.json").read_text())
    assert all(f"{step['kept']:,} of {step['entered']:,}" in said for step in funnel)
    assert "](pictures/funnel.png)" in card
    assert facts.run.seconds == pytest.approx(sum(step["seconds"] for step in funnel), abs=0.1)
    assert facts.run.tokens == sum(step["counters"].get("tokens", 0) for step in funnel) > 0
    for task in config.rules:
        for rule in config.rules[task]:
            assert f"| {task} | `{rule}` |" in card


def test_the_card_says_the_language_that_is_given(run: tuple[Run, BuildConfig]) -> None:
    opened, config = run
    given = config.model_copy(update={"language": "th"})
    header = {**opened.header(), "config": given.model_dump(mode="json")}
    card = write_release(opened, given, header)
    assert facts_of(card).language == ("th",)
    text = (card / "README.md").read_text()
    assert "language:\n- th\n" in text
    assert " of single Thai sentences " in text


def test_statistics_stand_next_to_the_published_ones(run: tuple[Run, BuildConfig]) -> None:
    opened, config = run
    folder = opened.folder / config.name
    measured = json.loads((folder / "provenance/statistics.json").read_text())["tasks"]
    rows = {(row.metric, row.config): row for row in facts_of(folder).statistics}
    for task in config.rules:
        values = {(m["measure"], m["side"]): m["value"] for m in measured[task]["measures"]}
        assert rows["jaccard of pairs", task].value == values["jaccard", "pair"]
        assert rows["h2 of targets", task].value == values["h2", "target"]
    printed = {row["corpus"]: row["jaccard"] for row in load_tables()[0]["rows"]}
    assert rows["jaccard of pairs", "paraphrase"].references == printed
    assert printed["DIMPLE"] == 43.62
    assert rows["jaccard of pairs", "summary"].references == {}
    assert rows["h2 of targets", "paraphrase"].references == {}  # it grows with the corpus
    card = (folder / "README.md").read_text()
    assert " DIMPLE |" in card


def test_what_is_private_is_not_released(run: tuple[Run, BuildConfig]) -> None:
    opened, config = run
    folder = opened.folder / config.name
    card = folder / "README.md"
    card.write_text(card.read_text().replace(HAND_START, HAND_START + "\n\nSee /home/ann/a.txt.\n"))
    (opened.folder / RECORD).unlink()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(BuilderError, match=r"README\.md: it holds a path .* /home/ann/a\.txt"):
        write_release(opened, config, opened.header())
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert not list(opened.folder.glob(f".{config.name}*"))


def test_made_again_it_keeps_its_student_and_what_was_written_by_hand(
    run: tuple[Run, BuildConfig],
) -> None:
    opened, config = run
    folder = opened.folder / config.name
    before: dict[str, Any] = {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    card = folder / "README.md"
    card.write_text(card.read_text().replace(HAND_START + "\n", HAND_START + "\n\nMine.\n\n"))
    facts = name_companion(facts_of(folder), "acme/student@v1")
    (folder / FACTS_PATH).write_text(facts.model_dump_json())
    (opened.folder / RECORD).unlink()
    assert write_release(opened, config, opened.header()) == folder
    assert "\nMine.\n" in card.read_text()
    assert "https://huggingface.co/acme/student" in card.read_text()
    again = {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    changed = {name for name in before if again[name] != before[name]}
    assert changed == {"README.md", "facts.json", "checksums.json"}


def test_it_can_be_published_as_it_is(run: tuple[Run, BuildConfig]) -> None:
    opened, config = run
    release = prepare(opened.folder / config.name, "acme/dimsum_plus")
    assert release.kind == "dataset"
    assert [f for f in release.lint() if f.level == "error"] == []
    assert 'load_dataset("acme/dimsum_plus")' in release.card


def test_a_release_is_parted_into_files_and_has_the_same_rows(
    run: tuple[Run, BuildConfig], tmp_path: Path
) -> None:
    done, config = run
    whole = write_release(done, config, done.header())
    before = {path: pq.read_table(path) for path in sorted(whole.rglob("*.parquet"))}
    shutil.move(whole, tmp_path / "whole")
    parted = write_release(done, config.model_copy(update={"file_rows": 3}), done.header())
    for path, rows in before.items():
        paths = sorted(path.parent.glob(f"{path.name.split('-')[0]}-*.parquet"))
        parts = [pq.read_table(one) for one in paths]
        assert len(parts) == -(-rows.num_rows // 3)
        assert all(part.num_rows == 3 for part in parts[:-1])
        assert pa.concat_tables(parts).equals(rows)
        assert paths[-1].name.endswith(f"{len(parts) - 1:05d}-of-{len(parts):05d}.parquet")
    assert max(rows.num_rows for rows in before.values()) > 3
    facts, once = facts_of(parted), facts_of(tmp_path / "whole")
    for config_facts, other in zip(facts.configs, once.configs, strict=True):
        for split, same in zip(config_facts.splits, other.splits, strict=True):
            assert (split.rows, split.bytes, split.globs) == (same.rows, same.bytes, same.globs)
            assert all((parted / file.path).is_file() for file in split.files)
    assert not [one for one in lint(parted, read_parquet_shape) if one.level == "error"]
    assert take_rows(parted, 8) == take_rows(tmp_path / "whole", 8)
