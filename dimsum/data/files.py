"""Rows and lines out of one file; the rules are those of `dimsum.data`."""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any

from dimsum.data.values import Row, suggest_separator
from dimsum.errors import UsageError
from dimsum.os_errors import explain_missing

TABLES = (
    *(".parquet", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".csv", ".csv.gz"),
    *(".tsv", ".tsv.gz"),
)
"""Endings of data files that are looked for in folders and on the Hub."""
JSON = (".json", ".json.gz")
"""Endings that are read when the file itself is named: in folders they are mostly settings."""
PLAIN = (".txt", ".txt.gz")
ONE_A_LINE = 'each line is one JSON object, such as {"source": ..., "target": ...}'
ARRAY = "it is an array of objects, [{...}, ...], or one object a line"
OWN_NAME = "give each column its own name"
BATCH = 4096
"""Rows that are read of a parquet file at a time."""
PARQUET = b"PAR1"
UNPACK = "unpack it, or pack it by gzip and let its name end in .gz"
MARKS = {
    b"version https://git-lfs": ("is a pointer of Git LFS", "fetch the file itself: git lfs pull"),
    b"\xff\xfe\x00\x00": ("is UTF-32 text", "save it as UTF-8"),
    b"\x00\x00\xfe\xff": ("is UTF-32 text", "save it as UTF-8"),
    b"\xff\xfe": ("is UTF-16 text", "save it as UTF-8"),
    b"\xfe\xff": ("is UTF-16 text", "save it as UTF-8"),
    b"\x1f\x8b": ("is gzipped", "give it a name that ends in .gz"),
    b"PK\x03\x04": ("is a ZIP archive or a spreadsheet", "unpack it, or save it as CSV"),
    b"BZh9": ("is packed by bzip2", UNPACK),
    b"\xfd7zXZ": ("is packed by xz", UNPACK),
    b"\x28\xb5\x2f\xfd": ("is packed by zstd", UNPACK),
    b"7z\xbc\xaf\x27\x1c": ("is a 7z archive", "unpack it"),
    b"SQLite format 3": ("is a database of SQLite", "export the table as CSV"),
    b"ARROW1": ("is an Arrow file", "write it as parquet"),
    PARQUET: ("is a parquet file", "give it a name that ends in .parquet"),
    b"%PDF-": ("is a PDF", "save its text as a file of UTF-8"),
    b"<!DOCTYPE html": ("is a web page", "fetch the file itself"),
    b"<!doctype html": ("is a web page", "fetch the file itself"),
    b"<html": ("is a web page", "fetch the file itself"),
}
"""First bytes of what is no UTF-8 text: what it is, and what to do."""


def find_form(path: Path) -> str | None:
    """jsonl, json, csv, tsv, parquet or txt, by the file's ending; None for any other."""
    name = path.name.lower()
    for ending in (*TABLES, *JSON, *PLAIN):
        if name.endswith(ending):
            return ending[1:].removesuffix(".gz").replace("ndjson", "jsonl")
    return None


def find_table_form(path: Path) -> str:
    """The form of a data file.

    Raises:
        UsageError: plain text, or an ending of another kind.
    """
    form = find_form(path)
    if path.is_dir():
        raise UsageError(f"no file at {path}", hint=explain_no_file(path))
    if form is None or form == "txt":
        raise UsageError(
            f"{path} is no data file that can be read",
            hint=f"files end in {', '.join((*TABLES, *JSON))}",
        )
    return form


def is_table(path: Path) -> bool:
    """Whether a name is that of a data file as folders hold them."""
    return path.name.lower().endswith(TABLES)


def read_file_rows(
    path: Path, only: Sequence[str] | None = None, optional: Sequence[str] = ()
) -> Iterator[Row]:
    """Rows of a data file.

    Args:
        only: columns that are wanted, where leaving out the others saves work; others may come.
        optional: columns that are wanted where they are there.

    Raises:
        UsageError: it is not there, of no known form, damaged or not UTF-8; with line and column.
    """
    form = find_table_form(path)
    with _explain_errors(path):
        if form == "parquet":
            yield from _read_parquet(path, only, optional)
        elif form == "json":
            yield from _read_json(path)
        elif form == "jsonl":
            yield from parse_json_rows(read_lines(path), str(path))
        else:
            yield from _read_separated(path, "\t" if form == "tsv" else ",")


def read_lines(path: Path) -> Iterator[str]:
    """Lines of a UTF-8 text, plain or gzipped, without their ends.

    Raises:
        UsageError: a file that is not there, is damaged or is not UTF-8; with line and column.
    """
    with _explain_errors(path), _open(path) as stream:
        for line in _decode(stream, str(path)):
            yield from _strip_ends(line)


def decode_lines(stream: IO[bytes], name: str) -> Iterator[str]:
    """Lines of a UTF-8 stream without their ends, as `read_lines` gives them."""
    for line in _decode(stream, name):
        yield from _strip_ends(line)


def parse_json_rows(lines: Iterable[str], name: str) -> Iterator[Row]:
    """One object a line; blank lines are skipped.

    Raises:
        UsageError: a line that is not a JSON object, with its number.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield parse_json_row(line, name, number)


def parse_json_row(line: str, name: str, number: int) -> Row:
    """A line of JSON lines.

    Raises:
        UsageError: it is not a JSON object.
    """
    position = f"line {number}"
    try:
        value = json.loads(line, object_pairs_hook=_make_object)
    except _TwoOfOneName as error:
        raise UsageError(f"{name}, {position}, {error}", hint=OWN_NAME) from error
    except (ValueError, RecursionError) as error:
        column = f", column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UsageError(
            f"{name}, {position}{column}, is not JSON: {_explain(error)}", hint=ONE_A_LINE
        ) from error
    if not isinstance(value, dict):
        raise UsageError(f"{name}, {position}, is not a JSON object", hint=ONE_A_LINE)
    return Row(value, position)


class _TwoOfOneName(Exception):
    """An object has a key twice: one of its values would be lost."""


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _TwoOfOneName(_say_twice([key for key, _ in pairs]))
    return found


def _say_twice(names: Sequence[str]) -> str:
    """What to say of names of which one is there twice; empty where none is."""
    twice = next((name for name in names if names.count(name) > 1), None)
    return "" if twice is None else f"has two columns {twice!r}"


def _read_json(path: Path) -> Iterator[Row]:
    lines = list(read_lines(path))
    first = next((line for line in lines if line.strip()), "")
    if not first.lstrip().startswith("["):
        try:
            value = _parse_whole(path, lines) if first else []
        except ValueError:
            yield from parse_json_rows(lines, str(path))
            return
        rows = [value] if isinstance(value, dict) else value
    else:
        try:
            rows = _parse_whole(path, lines)
        except (ValueError, RecursionError) as error:
            at = f"line {getattr(error, 'lineno', 1)}"
            raise UsageError(f"{path}, {at}, is not JSON: {_explain(error)}", hint=ARRAY) from error
    if not isinstance(rows, list):
        raise UsageError(f"{path} is neither an array of objects nor an object", hint=ARRAY)
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise UsageError(f"{path}, item {number}, is not a JSON object", hint=ARRAY)
        yield Row(row, f"item {number}")


def _parse_whole(path: Path, lines: Sequence[str]) -> Any:
    try:
        return json.loads("\n".join(lines), object_pairs_hook=_make_object)
    except _TwoOfOneName as error:
        raise UsageError(f"{path}: an object {error}", hint=OWN_NAME) from error


def _read_separated(path: Path, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(sys.maxsize)
    with _open(path) as stream:
        lines = (part for line in _decode(stream, str(path)) for part in _split_returns(line))
        first = next(lines, "")
        reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
        names: list[str] = []
        while True:
            position = f"line {reader.line_num + 1}"
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise UsageError(
                    f"{path}, {position}, cannot be read: {error}",
                    hint=suggest_separator(names or [first])
                    or 'a cell with a quote in it is written in quotes, and its quotes twice: ""',
                ) from error
            if cells is None:
                return
            if not cells:
                continue
            if not names:
                if not any(cell.strip() for cell in cells) and len(cells) == 1:
                    continue
                names = cells
                if said := _say_twice(names):
                    raise UsageError(f"{path} {said}", hint=OWN_NAME)
            elif len(cells) != len(names):
                raise UsageError(
                    f"{path}, {position}, has {len(cells)} cells; the header has {len(names)}",
                    hint=suggest_separator(names)
                    or "a cell with a separator in it is written in quotes",
                )
            else:
                yield Row(dict(zip(names, cells, strict=True)), position)


def _read_parquet(path: Path, only: Sequence[str] | None, optional: Sequence[str]) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            there = file.schema_arrow.names
            if said := _say_twice(there):
                raise UsageError(f"{path} {said}", hint=OWN_NAME)
            columns = None
            if only is not None and set(only) <= set(there):  # else all, to be named in the error
                columns = [name for name in there if name in {*only, *optional}]
            number = 0
            for batch in file.iter_batches(batch_size=BATCH, columns=columns):
                for row in batch.to_pylist():
                    number += 1
                    yield Row(row, f"row {number}")
    except pa.ArrowException as error:
        with path.open("rb") as stream:
            start = stream.read(64)
        if not start.startswith(PARQUET):
            _refuse_mark(start, str(path))
        raise UsageError(f"{path} cannot be read: {error}", hint="it may be damaged") from error


def explain_no_file(path: Path) -> str:
    """A hint for a path at which there is no file."""
    if path.is_dir():
        return "it is a folder; name a file in it"
    there = path.parent.is_dir()
    return explain_missing(path, "check the path" if there else f"there is no folder {path.parent}")


@contextmanager
def _explain_errors(path: Path) -> Iterator[None]:
    """Errors of the file system and of unpacking, as one line about the file."""
    if not path.is_file():
        raise UsageError(f"no file at {path}", hint=explain_no_file(path))
    try:
        yield
    except gzip.BadGzipFile as error:
        raise UsageError(
            f"{path} is not gzipped", hint="give it a name that does not end in .gz"
        ) from error
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}",
            hint="it may be damaged",
        ) from error


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    zipped = path.name.lower().endswith(".gz")
    with gzip.open(path, "rb") if zipped else path.open("rb") as stream:
        yield stream  # type: ignore[misc]


def _decode(stream: IO[bytes], name: str) -> Iterator[str]:
    """Lines with their ends, after a byte order mark.

    Raises:
        UsageError: bytes that are not UTF-8, with line and column.
    """
    for number, raw in enumerate(stream, start=1):
        if number == 1:
            _refuse_mark(raw, name)
            raw = raw.removeprefix(b"\xef\xbb\xbf")
            if not raw:  # nothing but the mark: a file without lines
                continue
        if b"\0" in raw:
            column = len(raw[: raw.index(b"\0")].decode("utf-8", "replace")) + 1
            raise UsageError(
                f"{name}, line {number}, column {column}, holds a zero byte",
                hint="it may be UTF-16 text without a mark, or damaged; save it as UTF-8",
            )
        try:
            yield raw.decode("utf-8")
        except UnicodeDecodeError as error:
            column = len(raw[: error.start].decode("utf-8")) + 1
            raise UsageError(
                f"{name}, line {number}, column {column}, is not UTF-8 "
                f"(byte 0x{raw[error.start]:02x})",
                hint="it may be latin-1 or cp1252; save it as UTF-8",
            ) from error


def _refuse_mark(start: bytes, name: str) -> None:
    """Name what a file is by its first bytes, where that is not what its ending says."""
    for mark, (what, remedy) in MARKS.items():
        if start.startswith(mark):
            raise UsageError(f"{name} {what}", hint=remedy)


def _split_returns(line: str) -> list[str]:
    """A line with its end; of old texts whose lines end in a carriage return, each line."""
    return re.split("(?<=\r)(?!\n|$)", line) if "\r" in line.removesuffix("\r\n") else [line]


def _strip_ends(line: str) -> Iterator[str]:
    """A line without its end; of old texts whose lines end in a carriage return, each line."""
    line = line.removesuffix("\n").removesuffix("\r")
    yield from re.split("\r\n?", line) if "\r" in line else [line]


def _explain(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    if isinstance(error, RecursionError):
        return "lists or objects lie too deep in each other"
    return "a number has too many digits"  # of which Python reads some thousands
