"""The rules of `dimsum.data`, each with what must come of it."""

from __future__ import annotations

import csv
import datetime
import gzip
import inspect
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dimsum.data
from dimsum.data.dataset import find_data_files, read_rows
from dimsum.data.files import read_file_rows, read_lines
from dimsum.data.splits import find_file_split, find_split
from dimsum.data.values import Reading, explain_not_text, format_value, parse_conditions
from dimsum.errors import UsageError

ROWS = [
    {"source": "A, b\nc", "target": 'say "x"', "id": "007", "lang": "no"},
    {"source": "Ærø", "target": "", "id": "1e3", "lang": "true"},
]
MARK = b"\xef\xbb\xbf"


def as_lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_table(path: Path, delimiter: str) -> bytes:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(ROWS[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(ROWS)
    return path.read_bytes()


def test_every_form_gives_the_same_texts(tmp_path: Path) -> None:
    lines, commas = as_lines(ROWS), as_table(tmp_path / "c", ",")
    contents = {
        "a.jsonl": lines,
        "mark.jsonl": MARK + lines,
        "blank.jsonl": b"\n \r\n" + lines,
        "crlf.ndjson": lines.replace(b"\n", b"\r\n"),
        "A.JSONL.GZ": gzip.compress(MARK + lines),
        "b.json": json.dumps(ROWS, indent=1).encode(),
        "lines.json": lines,
        "c.csv": commas,
        "mark.CSV": MARK + b"\r\n" + commas,
        "c.csv.gz": gzip.compress(commas),
        "t.tsv": as_table(tmp_path / "t", "\t"),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        assert list(read_file_rows(tmp_path / name)) == ROWS, name
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "d.PARQUET")
    assert list(read_file_rows(tmp_path / "d.PARQUET")) == ROWS
    assert list(read_file_rows(tmp_path / "d.PARQUET", ["id"], ["none"])) == [
        {"id": "007"},
        {"id": "1e3"},
    ]
    assert [row.position for row in read_file_rows(tmp_path / "blank.jsonl")] == [
        "line 3",
        "line 4",
    ]
    assert [row.position for row in read_file_rows(tmp_path / "c.csv")] == ["line 2", "line 4"]


def test_files_without_rows_have_none(tmp_path: Path) -> None:
    empty = pa.Table.from_pylist([], schema=pa.schema({"source": pa.string()}))
    pq.write_table(empty, tmp_path / "e.parquet")
    for name in ("e.jsonl", "e.json", "e.csv", "e.tsv"):
        (tmp_path / name).write_bytes(MARK)
    (tmp_path / "header.csv").write_text("source,target\n")
    for path in tmp_path.iterdir():
        assert list(read_file_rows(path)) == [], path.name


def test_lines_of_plain_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(MARK + "one\r\n\n tw\u2028o \rthree".encode())
    assert list(read_lines(path)) == ["one", "", " tw\u2028o ", "three"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"source,target\nok,caf\xe9\n", "a.csv, line 2, column 7, is not UTF-8"),
        ("a.jsonl", "é".encode() + b"\xff\n", "a.jsonl, line 1, column 2, is not UTF-8"),
        ("a.txt", "ä\n".encode("utf-16"), "a.txt is UTF-16 text"),
        ("a.jsonl", b'{"a": 1}\n{"a": \n', "a.jsonl, line 2, column 7, is not JSON"),
        ("a.jsonl", b"\n[1]\n", "a.jsonl, line 2, is not a JSON object"),
        ("a.json", b'[{"a": 1},\n 2]', "a.json, item 2, is not a JSON object"),
        ("a.json", b'[{"a": 1},\n {"a": }]', "a.json, line 2, is not JSON"),
        ("a.csv", b'a,b\n"1\n2",3\n4,5,6\n', "a.csv, line 4, has 3 cells; the header has 2"),
        ("a.csv", b"a,b\n1\n", "a.csv, line 2, has 1 cells; the header has 2"),
        ("a.csv", b'a,b\n1,2\n"x,y\n', "a.csv, line 3, cannot be read: unexpected end of data"),
        ("a.csv", b"a,b,a\n1,2,3\n", "a.csv has two columns 'a'"),
        (
            "a.jsonl.gz",
            gzip.compress(b'{"a": 1}\n' * 99, mtime=0)[:-9],
            "a.jsonl.gz cannot be read",
        ),
        ("a.parquet", b"PAR1 not really", "a.parquet cannot be read"),
        ("a.docx", b"x", "a.docx is no data file that can be read"),
    ],
)
def test_what_is_refused_is_named_with_its_position(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    read = read_lines if name.endswith(".txt") else read_file_rows
    with pytest.raises(UsageError) as caught:
        list(read(tmp_path / name))
    assert caught.value.message.startswith(f"{tmp_path}/{message}")


def test_values_that_are_no_texts() -> None:
    day = datetime.date(2024, 1, 2)
    values = [None, True, 1.5, b"x", day, ["a"], {"a": 1}, "\ud83d", "a\ud83d\ude00"]
    reasons = ["null", "boolean", "number", "bytes", "date", "list", "object", "half_surrogate"]
    assert [explain_not_text(value) for value in values] == [*reasons, "half_surrogate"]
    assert explain_not_text(json.loads('"\\ud83d\\ude00"')) is None
    reading = Reading()
    for number, value in enumerate([*values, "fine"], start=1):
        reading.text({"t": value}, "t", f"line {number}")
    assert reading.dropped == {**dict.fromkeys(reasons, 1), "half_surrogate": 2}
    assert reading.first["number"] == "line 3, column 't'"


def test_where_compares_text_with_text() -> None:
    assert parse_conditions(["lang=no", "id=007", "ok=true", "x=a=b", "e="]) == {
        "lang": "no",
        "id": "007",
        "ok": "true",
        "x": "a=b",
        "e": "",
    }
    with pytest.raises(UsageError, match="not of the form column=value"):
        parse_conditions(["lang"])
    assert [format_value(v) for v in (None, True, 7, 1.0, "007")] == [
        "null",
        "true",
        "7",
        "1.0",
        "007",
    ]
    assert format_value(datetime.date(2024, 1, 2)) == "2024-01-02"
    reading = Reading()
    rows = [{"id": "007"}, {"id": 7}, {"id": "7"}, {"id": None}]
    kept = [row for row in rows if reading.meets(row, {"id": "007"}, "here")]
    assert kept == rows[:1]
    assert [row for row in rows if reading.meets(row, {"id": 7}, "here")] == rows[1:3]
    lost = Reading()
    assert not lost.meets(rows[1], {"id": "007"}, lost.read(rows[1]))
    error = lost.nothing("a.jsonl", "pair", {"id": "007"})
    assert (error.message, error.hint) == ("a.jsonl has no row with id=007", "id has 7 (1)")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train-00000-of-00001.parquet", "train"),
        ("val-00000-of-00001.jsonl", "validation"),
        ("recipes_test.jsonl", "test"),
        ("DEV.csv", "validation"),
        ("eval.jsonl", "validation"),
        ("valid2.jsonl", "validation"),
        ("testset.jsonl", "test"),
        ("train_test_split.jsonl", "test"),
        ("contest.jsonl", None),
        ("validation_matched", "validation"),
        ("pairs.jsonl", None),
        ("testData.jsonl", "test"),
        ("TestSet.csv", "test"),
        ("traindata.jsonl", "train"),
        ("devsplit_2.tsv", "validation"),
        ("recipes-held-out.jsonl", "test"),
        ("hold_out.csv", "test"),
        ("database.jsonl", None),
        ("latestData.jsonl", None),
    ],
)
def test_splits_by_name(name: str, split: str | None) -> None:
    assert find_split(name) == split


def test_splits_by_folder() -> None:
    assert find_file_split(["test", "part-0.jsonl"]) == "test"
    assert find_file_split(["test", "train.jsonl"]) == "train"
    assert find_file_split(["validation", "a", "part-0.jsonl"]) == "validation"
    assert find_file_split(["part-0.jsonl"], "test", ["test", "train", "x"]) == "test"
    assert find_file_split(["part-0.jsonl"], "test", ["test", "train.jsonl.gz"]) == "test"
    assert find_file_split(["part-0.jsonl"], "dev", ["dev", "music", "training-plan"]) is None
    assert find_file_split(["part-0.jsonl"], "dev") is None
    assert find_file_split(["part-0.jsonl"], "test-of-mine0", ["train"]) is None


def test_held_out_rows_are_never_training_rows(tmp_path: Path) -> None:
    def put(name: str, **more: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_lines([{"source": name, **more}]))

    for name in ("train/part-0.jsonl", "part-1.jsonl", "test/part-0.jsonl", "a/val-00000.jsonl"):
        put(f"mixed/{name}")
    (tmp_path / "mixed/notes.json").write_text("{}")
    mixed = str(tmp_path / "mixed")
    found = {
        split: sorted(row["source"] for row in read_rows(mixed, split))
        for split in ("train", "validation", "test")
    }
    assert found == {
        "train": ["mixed/part-1.jsonl", "mixed/train/part-0.jsonl"],
        "validation": ["mixed/a/val-00000.jsonl"],
        "test": ["mixed/test/part-0.jsonl"],
    }
    assert len(list(read_rows(mixed, None))) == 4
    put("train/rows.jsonl")
    for name in ("recipes_test.jsonl", "only/dev.jsonl", "test/rows.jsonl"):
        put(name)
        with pytest.raises(UsageError, match="nothing to train on"):
            list(read_rows(str(tmp_path / name), "train"))
    with pytest.raises(UsageError, match=r"it is validation \(1\)"):
        list(read_rows(str(tmp_path / "only"), "train"))
    own = tmp_path / "own.jsonl"
    own.write_bytes(as_lines([{"s": 1, "split": "train"}, {"s": 2, "split": "dev"}, {"s": 3}]))
    assert [row["s"] for row in read_rows(str(own), "train")] == [1, 3]
    assert [row["s"] for row in read_rows(str(own), "validation")] == [2]


def test_a_released_folder_is_its_data(tmp_path: Path) -> None:
    for name in ("data/train.jsonl", "provenance/x.jsonl", ".cache/y.jsonl", "extra.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert find_data_files(tmp_path) == [(tmp_path / "data/train.jsonl", "train")]


def test_the_page_says_what_the_module_says() -> None:
    page = (Path(__file__).parents[3] / "docs/data.md").read_text(encoding="utf-8")
    assert page == f"# Rows in\n\n{inspect.getdoc(dimsum.data)}\n"
