from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from builder.errors import BuilderError, ConfigError
from builder.store import Output, Run, digest, make_seed, write_table
from dimsum.files import write_json

TABLE = pa.table({"a": [1, 2, 3]})


def test_a_unit_is_done_only_with_its_fingerprint_and_its_bytes(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run")
    output = Output(TABLE, {"rejects": TABLE.slice(0, 1)}, 4, {"short": 1})
    record = run.commit("stage", 3, "f1", output, 0.5)
    assert record.kept == 3
    assert run.done("stage", 3, {"f1"}) == record
    assert run.done("stage", 3, {"f2"}) is None
    assert run.done("stage", 4, {"f1"}) is None
    path = run.path("stage", 3, "rejects")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert run.done("stage", 3, {"f1"}) is None
    path.write_bytes(whole)
    assert run.done("stage", 3, {"f1"}) == record
    path.unlink()
    assert run.done("stage", 3, {"f1"}) is None


def test_equal_tables_give_equal_bytes(tmp_path: Path) -> None:
    rows = [{"a": i, "b": f"text {i % 3}"} for i in range(1000)]
    first = write_table(tmp_path / "1.parquet", pa.Table.from_pylist(rows))
    assert first == write_table(tmp_path / "2.parquet", pa.Table.from_pylist(rows))


def test_seeds_and_digests() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    seeds = {make_seed(s, stage, shard) for s in (0, 1) for stage in "ab" for shard in range(50)}
    assert len(seeds) == 200
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert make_seed(0, "contexts", 0) == make_seed(0, "contexts", 0)


def test_folders_that_are_no_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a run"):
        Run.open(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="holds something that is not a run"):
        Run.create(tmp_path / "file")
    run = Run.create(tmp_path / "run")
    (run.folder / ".lock").touch()
    assert Run.create(run.folder).header() == {}
    (run.folder / "run.json").write_text("{}")
    with pytest.raises(ConfigError, match="not a run's header"):
        Run.create(run.folder)
    write_json(run.folder / "run.json", {"format": 99})
    with pytest.raises(ConfigError, match="format 99"):
        Run.open(run.folder)
    run.write_header({"config": {}})
    assert json.loads((run.folder / "run.json").read_text())["format"] == 1


def test_a_missing_table_says_how_to_make_it(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run")
    with pytest.raises(BuilderError, match="missing or damaged") as caught:
        run.read("scores", 0)
    assert "dimsum build" in caught.value.hint
