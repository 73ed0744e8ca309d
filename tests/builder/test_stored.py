"""Rows read, cut and ordered a group at a time, against the same rows at once."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.audit.record import digest_released, digest_rows
from builder.errors import BuilderError
from builder.measures.registry import load_registry
from builder.release import write_data
from builder.store import write_table
from builder.stored import Made, Parts, Stored, cut


def numbered(rows: int) -> pa.Table:
    return pa.table(
        {"n": pa.array(range(rows), pa.int64()), "text": [f"t{i}" for i in range(rows)]}
    )


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_cut_keeps_rows_and_their_order(size: int) -> None:
    table = numbered(40)
    parts = [table.slice(0, 5), table.slice(5, 0), table.slice(5, 30), table.slice(35)]
    found = list(cut(iter(parts), size))
    assert pa.concat_tables(found) == table
    assert all(part.num_rows == size for part in found[:-1])
    assert list(cut(iter(()), size)) == []


def test_equal_rows_give_equal_files_however_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builder.stored.GROUP", 16)
    table = numbered(40)
    hashes = set()
    for size in (1, 9, 16, 40):
        made = Made(table.schema, 40, lambda size=size: cut(iter([table]), size))
        hashes.add(write_table(tmp_path / "made.parquet", made))
        assert made.whole() == table
    assert len(hashes) == 1
    assert pq.read_table(tmp_path / "made.parquet") == table
    empty = Made(table.schema, 0, lambda: iter(()))
    write_table(tmp_path / "empty.parquet", empty)
    assert pq.read_table(tmp_path / "empty.parquet") == table.slice(0, 0)
    stored = Stored([tmp_path / "made.parquet", tmp_path / "empty.parquet"])
    assert stored.num_rows == 40
    assert pa.concat_tables(stored.groups(["text"])) == table.select(["text"])


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(BuilderError, match=r"x\.parquet is missing or damaged"):
        list(Stored([tmp_path / "x.parquet"]).groups())


def test_parts_hold_rows_in_the_order_of_their_keys(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    keys = rng.integers(0, 2**64, 500, dtype=np.uint64)
    keys[:3] = (0, 2**64 - 1, 2**63)
    table = pa.table({"key": keys})
    for count in (0, 1, 7):
        with Parts(tmp_path / "parts", table.schema, count) as parts:
            for start in range(0, 500, 60):
                parts.add(table.slice(start, 60), keys[start : start + 60])
            parts.add(table.slice(0, 0), keys[:0])
        found = [np.sort(part["key"].to_numpy()) for part in parts.read()]
        assert len(found) == max(1, count)
        assert (np.concatenate(found) == np.sort(keys)).all()


def test_a_release_is_written_as_from_the_whole_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(0)
    schema = load_registry().schema()
    values = {pa.string(): "text", pa.int32(): 3, pa.float32(): 0.5}
    rows = [
        {
            **{field.name: values.get(field.type) for field in schema},
            "id": f"{rng.getrandbits(64):016x}",
            "task": rng.choice(["paraphrase", "summary"]),
            "split": rng.choice(["train", "train", "test"]),
        }
        for _ in range(300)
    ]
    rows.sort(key=lambda row: row["id"])
    split = schema.append(pa.field("split", pa.string()))
    pq.write_table(pa.Table.from_pylist(rows, schema=split), tmp_path / "rows.parquet")
    monkeypatch.setattr("builder.stored.GROUP", 32)
    monkeypatch.setattr("builder.release.GROUP", 32)
    stored = Stored([tmp_path / "rows.parquet"])
    write_data(tmp_path / "out", stored, schema, 50)
    for task in ("paraphrase", "summary"):
        for name in ("train", "test"):
            ids = [r["id"] for r in rows if r["task"] == task and r["split"] == name]
            paths = sorted((tmp_path / "out/data" / task).glob(f"{name}-*.parquet"))
            tables = [pq.read_table(path) for path in paths]
            assert [one for table in tables for one in table["id"].to_pylist()] == ids
            assert [t.num_rows for t in tables[:-1]] == [50] * (len(tables) - 1)
            assert all(f"-of-{len(paths):05d}" in path.name for path in paths)
            assert all(table.schema == schema for table in tables)
    assert not list((tmp_path / "out").rglob("validation*"))
    monkeypatch.setattr("builder.audit.record.GROUP", 32)
    assert digest_released(stored) == digest_rows(row["id"] for row in rows)
