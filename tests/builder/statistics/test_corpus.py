"""One corpus in every form it may come in, and what is wrong with a bad one."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.errors import ConfigError
from builder.statistics.corpus import Columns, Corpus, Rows, open_corpus
from dimsum.data.values import Reading
from dimsum.errors import UsageError
from tests.builder.hub.releases import make_dataset
from tests.builder.statistics.corpora import made, write

ROWS = made(25)


def rows_of(corpus: Corpus, size: int = 7) -> list[tuple[str, str, str]]:
    found = []
    for piece in corpus.pieces(size):
        assert len(piece) <= size
        found += list(zip(piece.source, piece.target, piece.split, strict=True))
    return found


WANTED = [(r["source"], r["target"], r["split"]) for r in ROWS]


def as_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def as_csv(path: Path, rows: list[dict[str, Any]], delimiter: str = ",") -> Path:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_every_format_gives_the_same_rows(tmp_path: Path) -> None:
    lines = write(tmp_path / "a.jsonl", ROWS)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(lines.read_bytes()))
    as_parquet(tmp_path / "c.parquet", ROWS)
    as_csv(tmp_path / "d.csv", ROWS)
    as_csv(tmp_path / "e.csv.gz", ROWS)
    as_csv(tmp_path / "f.tsv", ROWS, "\t")
    for path in sorted(tmp_path.iterdir()):
        assert rows_of(open_corpus(str(path))) == WANTED, path.name


def test_texts_with_newlines_quotes_and_nulls(tmp_path: Path) -> None:
    odd = [{"source": 'a "b",\nc', "target": "x\ty"}, {"source": "z", "target": ""}]
    wanted = [('a "b",\nc', "x\ty", ""), ("z", "", "")]
    assert rows_of(open_corpus(str(as_csv(tmp_path / "a.csv", odd)))) == wanted
    assert rows_of(open_corpus(str(as_parquet(tmp_path / "a.parquet", odd)))) == wanted
    assert rows_of(open_corpus(str(write(tmp_path / "a.jsonl", odd)))) == wanted
    odd[1]["target"] = None  # type: ignore[assignment]
    half = write(tmp_path / "half.jsonl", [*odd, {"source": "\ud83d", "target": "ok"}, odd[0]])
    for path in (half, as_parquet(tmp_path / "b.parquet", odd)):
        reading = Reading()
        found = [row for piece in open_corpus(str(path)).pieces(7, reading) for row in piece.source]
        assert found == ['a "b",\nc'] * (2 if path == half else 1)
        assert reading.dropped == (
            {"null": 1, "half_surrogate": 1} if path == half else {"null": 1}
        )
        assert reading.first["null"] == f"{'line' if path == half else 'row'} 2, column 'target'"


def test_long_texts_make_small_pieces() -> None:
    rows = Rows(["a" * 6, "b", "c" * 20, "d"], ["", "", "", ""], list("wxyz"))
    assert [piece.split for piece in rows.cut(10)] == [["w", "x"], ["y"], ["z"]]
    assert list(rows.cut(100)) == [rows]


def test_columns_of_other_names_splits_and_conditions(tmp_path: Path) -> None:
    rows = [{"s1": f"s{i}", "s2": f"t{i}", "label": i % 2, "part": "test"} for i in range(6)]
    path = write(tmp_path / "pairs.jsonl", rows)
    columns = Columns("s1", "s2", "part", {"label": "1"})
    assert rows_of(open_corpus(str(path), columns)) == [
        (f"s{i}", f"t{i}", "test") for i in (1, 3, 5)
    ]


def test_a_folder_is_its_data_files_with_the_splits_of_their_names(tmp_path: Path) -> None:
    plain = [{"source": "a", "target": "b"}]
    (tmp_path / "data").mkdir()
    as_parquet(tmp_path / "data" / "train-00000-of-00001.parquet", plain)
    as_parquet(tmp_path / "data" / "dev.parquet", plain)
    (tmp_path / "README.md").write_text("words")
    corpus = open_corpus(str(tmp_path))
    assert sorted(row[2] for row in rows_of(corpus)) == ["train", "validation"]


def test_a_released_folder_knows_what_filtered_it(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "dimsum_plus")
    corpus = open_corpus(str(folder))
    total = sum(pq.read_metadata(p).num_rows for p in (folder / "data").rglob("*.parquet"))
    assert len(rows_of(corpus)) == total
    (folder / "provenance").mkdir(exist_ok=True)
    models = {"critic": {"identity": "sha256:abc"}}
    (folder / "provenance" / "models.json").write_text(json.dumps(models))
    assert open_corpus(str(folder)).critics == ("sha256:abc",)


def test_a_corpus_that_is_none_gets_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no corpus at nowhere"):
        open_corpus("nowhere")
    (tmp_path / "a.docx").write_text("x")
    with pytest.raises(UsageError, match="no data file that can be read"):
        open_corpus(str(tmp_path / "a.docx"))
    with pytest.raises(UsageError, match="holds no data file"):
        open_corpus(str(tmp_path))


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    rows = [{"text": "a", "paraphrase": "b"}]
    paths = [write(tmp_path / "a.jsonl", rows), as_csv(tmp_path / "b.csv", rows)]
    for path in [*paths, as_parquet(tmp_path / "c.parquet", rows)]:
        with pytest.raises(
            UsageError, match="no column 'target'; found text, paraphrase"
        ) as caught:
            rows_of(open_corpus(str(path)))
        assert "--source and --target" in caught.value.hint


def test_damage_is_named_with_its_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"source": "a", "target": "b"}\n{"source": \n')
    with pytest.raises(UsageError, match=r"line 2, column 12, is not JSON"):
        rows_of(open_corpus(str(bad)))
    bad.write_text("[1]\n")
    with pytest.raises(UsageError, match="not a JSON object"):
        rows_of(open_corpus(str(bad)))
    cut = gzip.compress(b'{"source": "a", "target": "b"}\n' * 9)[:-9]
    for name, content in (("cut.parquet", b"PAR1 not really"), ("cut.jsonl.gz", cut)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match="cannot be read"):
            rows_of(open_corpus(str(tmp_path / name)))
