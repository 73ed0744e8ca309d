"""Scores on the card and the report of the very rows that were read, and of no others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from builder.audit.draw import draw
from builder.audit.publish import publish_scores
from builder.audit.record import RELEASE_AUDITS, RUN_AUDITS
from builder.audit.score import score
from builder.cli import run
from builder.hub.manifest import MANIFEST
from builder.report.write import write_report
from cards.facts import FACTS_PATH
from dimsum.files import hash_file
from tests.builder.audit.corpora import answered
from tests.builder.report.corpora import row, write_release
from tests.cards.examples import dataset_facts

UNREAD = "Nobody has read a sample of these"


def released(folder: Path, rows: int = 12) -> Path:
    return write_release(folder, [row(i, f"S {i} is good.", f"T {i}.") for i in range(rows)])


def test_a_run_shows_its_audit_until_its_rows_change(
    toy_run: tuple[Path, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(toy_run[0], folder)
    name = toy_run[1].name
    card = folder / name / "README.md"
    data = {path: hash_file(path) for path in (folder / name / "data").rglob("*.parquet")}
    assert UNREAD in card.read_text()
    audit = tmp_path / "audit"
    key = draw(folder, audit, n=20)
    files = [str(answered(audit, key, reader)) for reader in key.sheets]
    capfd.readouterr()
    assert run(["audit", "score", str(audit), *files]) == 0
    assert str(card) in capfd.readouterr().err
    assert UNREAD not in card.read_text() and "2 readers judged" in card.read_text()
    assert {path: hash_file(path) for path in data} == data
    assert (folder / name / RELEASE_AUDITS / f"{key.audit}.json").is_file()
    assert run(["card", "lint", str(folder / name)]) == 0
    page = tmp_path / "page.html"
    write_report(folder, page)
    assert "2 readers judged" in page.read_text()
    write_report(folder / name, page)
    assert "2 readers judged" in page.read_text()
    path = folder / RUN_AUDITS / f"{key.audit}.json"
    document = json.loads(path.read_text())
    document["facts"]["rows"] = "0" * 64  # as after a build with other rules
    path.write_text(json.dumps(document))
    assert run(["release", str(folder)]) == 0
    assert UNREAD in card.read_text() and "An audit of other rows" in card.read_text()
    write_report(folder, page)
    assert UNREAD in page.read_text() and "of other rows is left out" in page.read_text()
    path.write_text("{")
    assert run(["release", str(folder)]) == 1
    assert "is no record of an audit" in capfd.readouterr().err


def test_a_released_folder_without_its_run(tmp_path: Path) -> None:
    folder = released(tmp_path / "corpus")
    audit = tmp_path / "audit"
    key = draw(folder, audit, n=50)
    document = score(audit, [answered(audit, key, reader) for reader in key.sheets])
    written, withheld = publish_scores(key, document)
    assert written == [folder / RELEASE_AUDITS / f"{key.audit}.json"] and not withheld
    page = tmp_path / "page.html"
    write_report(folder, page)
    assert "2 readers judged 12 of these 12 pairs" in page.read_text()


def test_scores_of_rows_that_changed_or_went_stay_where_they_are(tmp_path: Path) -> None:
    folder = released(tmp_path / "corpus")
    audit = tmp_path / "audit"
    key = draw(folder, audit, n=50)
    document = score(audit, [answered(audit, key, reader) for reader in key.sheets])
    shutil.rmtree(folder)
    written, withheld = publish_scores(key, document)
    assert written == [] and "not there any more" in withheld
    released(folder, rows=11)
    written, withheld = publish_scores(key, document)
    assert written == [] and "are not those that were drawn from" in withheld
    assert not (folder / RELEASE_AUDITS).exists()
    page = tmp_path / "page.html"
    write_report(folder, page)
    assert UNREAD in page.read_text()


def test_the_card_of_a_release_without_its_run_is_rendered_in_place(tmp_path: Path) -> None:
    folder = released(tmp_path / "corpus")
    facts = folder / FACTS_PATH
    facts.parent.mkdir()
    facts.write_text(dataset_facts(audits=()).model_dump_json())
    audit = tmp_path / "audit"
    key = draw(folder, audit, n=50)
    document = score(audit, [answered(audit, key, reader) for reader in key.sheets])
    written, withheld = publish_scores(key, document)
    assert folder / "README.md" in written and not withheld
    assert "2 readers judged 12 of the" in (folder / "README.md").read_text()
    sums = json.loads((folder / MANIFEST).read_text())
    assert sums["README.md"] == hash_file(folder / "README.md")
    assert sums[FACTS_PATH] == hash_file(facts)
    assert f"{RELEASE_AUDITS}/{key.audit}.json" in sums
    before = facts.read_text().replace('"audits"', '"of_another_version"')
    facts.write_text(before)
    written, withheld = publish_scores(key, document)
    assert written == [] and "another version" in withheld and facts.read_text() == before
