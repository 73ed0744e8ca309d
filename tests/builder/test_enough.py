"""run.pairs: the first shards that suffice, then the first pairs by id, whatever made them."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from builder.cli import run as command
from builder.config import BuildConfig, parse_config
from builder.errors import GateError
from builder.run import build
from builder.splitting import make_row_id
from builder.store import Run
from builder.unit import open_run
from dimsum.files import hash_file
from dimsum.settings import apply_overrides
from tests.forked import fork_workers

SHARDS = 6
PAIRS = 8
BACKWARDS = "tests.builder.engines.backwards:BackwardsSettings"


@pytest.fixture
def document(toy_document: dict[str, Any]) -> dict[str, Any]:
    toy_document["contexts"].update(openings=SHARDS, shard=1, samples=2)
    return toy_document


def with_pairs(document: dict[str, Any], pairs: int, *more: str) -> BuildConfig:
    return apply_overrides(parse_config(document), [f"run.pairs={pairs}", *more])


def near_duplicates(folder: Path) -> list[dict[str, Any]]:
    paths = sorted((folder / "near_duplicates").glob("?????.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def key(row: dict[str, Any]) -> str:
    return make_row_id(row["task"], row["source"], row["target"])


def by_hand(document: dict[str, Any], place: Path) -> tuple[int, set[str]]:
    """Builds of 1, 2, ... openings until one has enough; the first ids of each task."""
    for openings in range(1, SHARDS + 1):
        document["contexts"]["openings"] = openings
        folder = place / f"plain-{openings}"
        build(parse_config(document), folder, keep_models=True)
        rows = near_duplicates(folder)
        counted = Counter(row["task"] for row in rows)
        if all(counted[task] >= PAIRS for task in ("paraphrase", "summary")):
            break
    document["contexts"]["openings"] = SHARDS
    ids = {
        one
        for task in ("paraphrase", "summary")
        for one in sorted(key(row) for row in rows if row["task"] == task)[:PAIRS]
    }
    return openings, ids


def test_a_run_ends_with_the_first_shards_that_suffice(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork_workers(monkeypatch)
    taken, ids = by_hand(document, tmp_path)
    assert 1 < taken < SHARDS
    hashes = set()
    for number, engine in enumerate(["{kind: in_process}", "{kind: processes, workers: 2}"]):
        folder = tmp_path / f"run-{number}"
        result = build(with_pairs(document, PAIRS, f"run.engine={engine}"), folder)
        assert result.rows == 2 * PAIRS
        assert open_run(folder).config.run.shards == taken
        assert set(pq.read_table(folder / "splits/00000.parquet")["id"].to_pylist()) == ids
        gone = pq.read_table(folder / "splits/00000.rejects.parquet").to_pylist()
        assert all(row["reason"] == f"{row['task']}.more_than_asked_for" for row in gone)
        assert ids.isdisjoint(row["id"] for row in gone)
        record = Run.open(folder).sidecar("splits", 0)
        assert record is not None and record.entered == len(gone) + 2 * PAIRS
        data = sorted((folder / "dimsum_plus/data").rglob("*.parquet"))
        hashes.add(tuple(hash_file(path) for path in data))
    assert len(hashes) == 1


def test_the_same_command_goes_on_and_ends_alike(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_pairs(document, PAIRS)
    build(config, tmp_path / "whole", keep_models=True)
    real, made = Run.commit, []

    def stop(self: Run, stage: str, shard: int, *rest: Any) -> Any:
        made.append((stage, shard))
        if len(made) == 9:
            raise KeyboardInterrupt
        return real(self, stage, shard, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "commit", stop)
        for _ in range(3):
            made.clear()
            with pytest.raises(KeyboardInterrupt):
                build(config, tmp_path / "cut", keep_models=True)
    result = build(config, tmp_path / "cut")
    assert result.rows == 2 * PAIRS
    names = [
        path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*.parquet")
    ]
    assert names
    for name in names:
        assert hash_file(tmp_path / "whole" / name) == hash_file(tmp_path / "cut" / name), name

    def refuse(*args: Any) -> None:
        raise AssertionError("a finished run makes nothing")

    monkeypatch.setattr(Run, "commit", refuse)
    build(config, tmp_path / "whole")


def test_openings_that_do_not_suffice_are_said_and_more_go_on(
    document: dict[str, Any], tmp_path: Path
) -> None:
    document["contexts"]["openings"] = 1
    folder = tmp_path / "run"
    with pytest.raises(GateError) as raised:
        build(with_pairs(document, PAIRS), folder, keep_models=True)
    found = Counter(row["task"] for row in near_duplicates(folder))
    said = f"{found['paraphrase']} of paraphrase, {found['summary']} of summary"
    assert str(raised.value.message).endswith(said)
    assert f"{PAIRS} pairs of each task" in raised.value.message
    assert "contexts.openings" in raised.value.hint or "rules" in raised.value.hint
    first = hash_file(folder / "candidates/00000.parquet")
    document["contexts"]["openings"] = SHARDS
    assert build(with_pairs(document, PAIRS), folder).rows == 2 * PAIRS
    assert hash_file(folder / "candidates/00000.parquet") == first


def test_another_number_replaces_nothing_unasked(
    document: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, folder = tmp_path / "asked.yaml", tmp_path / "run"
    path.write_text(yaml.safe_dump(document))
    words = ["build", str(path), "--output", str(folder), "--quiet", "--set"]
    assert command([*words, f"run.pairs={PAIRS}"]) == 0
    shutil.copytree(folder, tmp_path / "before")
    capfd.readouterr()
    assert command([*words, "run.pairs=3"]) == 2
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 2
    assert f"run.pairs {PAIRS}, now 3" in said[0]
    assert "--again" in said[1]
    rows = "splits/00000.parquet"
    assert hash_file(folder / rows) == hash_file(tmp_path / "before" / rows)
    assert command([*words, "run.pairs=3", "--again"]) == 0
    build(with_pairs(document, 3), tmp_path / "new")
    assert hash_file(folder / rows) == hash_file(tmp_path / "new" / rows)


def test_a_round_cannot_ask_for_more(toy_document: dict[str, Any]) -> None:
    toy_document["round"] = {"corpus": "a", "earlier": "b", "student": {"model": "s"}}
    with pytest.raises(Exception, match=r"run\.pairs: a round rewrites what is there"):
        with_pairs(toy_document, 3)
