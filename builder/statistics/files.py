"""Columns out of data files, a piece at a time: parquet, JSON lines and CSV, plain or gzipped."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builder.errors import BuilderError, ConfigError

FORMATS = (".parquet", ".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".tsv", ".tsv.gz")
Piece = dict[str, list[Any]]


def format_of(path: Path) -> str:
    """Which of `FORMATS` a file's name ends in.

    Raises:
        ConfigError: none of them.
    """
    for ending in FORMATS:
        if path.name.lower().endswith(ending):
            return ending
    raise ConfigError(
        f"{path} is no data file that can be read", hint=f"files end in {', '.join(FORMATS)}"
    )


def read_columns(
    path: Path, wanted: Sequence[str], optional: Sequence[str], size: int
) -> Iterator[Piece]:
    """Some columns of a file, up to `size` rows at a time.

    Raises:
        ConfigError: a wanted column is missing; the hint names those that are there.
        BuilderError: the file is missing or damaged.
    """
    ending = format_of(path)
    read = _parquet if ending == ".parquet" else _json_lines if ".jsonl" in ending else _separated
    try:
        yield from read(path, wanted, optional, size)
    except (OSError, EOFError, pa.ArrowException, UnicodeDecodeError, csv.Error) as error:
        raise BuilderError(f"{path} cannot be read: {error}", hint="it may be damaged") from error


def _present(
    path: Path, there: Sequence[str], wanted: Sequence[str], optional: Sequence[str]
) -> list[str]:
    missing = [name for name in wanted if name not in there]
    if missing:
        raise ConfigError(
            f"{path.name} has no column {missing[0]!r}",
            hint=f"its columns: {', '.join(there) or 'none'}; name yours with --source and "
            "--target",
        )
    return list(dict.fromkeys([*wanted, *(name for name in optional if name in there)]))


def _parquet(
    path: Path, wanted: Sequence[str], optional: Sequence[str], size: int
) -> Iterator[Piece]:
    with pq.ParquetFile(path) as file:
        names = _present(path, file.schema_arrow.names, wanted, optional)
        for batch in file.iter_batches(batch_size=size, columns=names):
            yield {name: batch.column(name).to_pylist() for name in names}


def opened(path: Path) -> io.TextIOBase:
    """A text file, unzipped where its name says so."""
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open("rt", encoding="utf-8-sig", newline="")


def _json_lines(
    path: Path, wanted: Sequence[str], optional: Sequence[str], size: int
) -> Iterator[Piece]:
    piece: Piece = {}
    with opened(path) as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            row = _object(path, number, line)
            if not piece:
                piece = {name: [] for name in [*wanted, *optional]}
            _present(path, list(row), wanted, ())
            for name in piece:
                piece[name].append(row.get(name))
            if len(piece[wanted[0]]) == size:
                yield _without_unknown(piece, optional)
                piece = {}
    if piece:
        yield _without_unknown(piece, optional)


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise BuilderError(f"{path}, line {number}, is not JSON: {error}") from error
    if not isinstance(row, dict):
        raise BuilderError(f"{path}, line {number}, is not a JSON object")
    return row


def _without_unknown(piece: Piece, optional: Sequence[str]) -> Piece:
    absent = [name for name in optional if all(value is None for value in piece[name])]
    return {name: values for name, values in piece.items() if name not in absent}


def _separated(
    path: Path, wanted: Sequence[str], optional: Sequence[str], size: int
) -> Iterator[Piece]:
    csv.field_size_limit(sys.maxsize)
    with opened(path) as stream:
        reader = csv.DictReader(stream, delimiter="\t" if ".tsv" in path.name.lower() else ",")
        names = _present(path, reader.fieldnames or [], wanted, optional)
        piece: Piece = {name: [] for name in names}
        for row in reader:
            for name in names:
                piece[name].append(row[name])
            if len(piece[names[0]]) == size:
                yield piece
                piece = {name: [] for name in names}
        if piece[names[0]]:
            yield piece
