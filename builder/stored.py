"""Rows that lie in parquet files and are read a group at a time."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from builder.errors import BuilderError
from builder.statistics.partition import find_part
from builder.statistics.words import Array
from dimsum.places import Place, open_source

GROUP = 1 << 16
"""Rows of a group, at most: of one that is read, and of one of a file that is written."""


def describe_damage(path: Path | Place) -> BuilderError:
    """What is said of a table of a run that is not what was written."""
    return BuilderError(f"{path} is missing or damaged", hint="`dimsum build` makes it again")


@contextmanager
def explain_damage(path: Path) -> Iterator[None]:
    """Errors of the system and of parquet while a table is read, as `describe_damage` says them."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise describe_damage(path) from error


@dataclass(frozen=True)
class Stored:
    """The rows of some files, one file after another."""

    paths: Sequence[Path]

    @property
    def schema(self) -> pa.Schema:
        """Of the first file.

        Raises:
            BuilderError: it is missing or damaged.
        """
        with explain_damage(self.paths[0]), open_source(self.paths[0]) as source:
            return pq.read_schema(source).remove_metadata()

    @property
    def num_rows(self) -> int:
        """Of all files.

        Raises:
            BuilderError: one is missing or damaged.
        """
        return sum(_count_rows(path) for path in self.paths)

    def groups(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Up to `GROUP` rows at a time.

        Args:
            columns: in this order; None is all.

        Raises:
            BuilderError: a file is missing or damaged.
        """
        names = None if columns is None else list(columns)
        for path in self.paths:
            with explain_damage(path), open_source(path) as source, pq.ParquetFile(source) as file:
                for batch in file.iter_batches(GROUP, columns=names):
                    yield pa.Table.from_batches([batch]).select(names or batch.schema.names)


def _count_rows(path: Path) -> int:
    with explain_damage(path), open_source(path) as source:
        return int(pq.read_metadata(source).num_rows)


@dataclass(frozen=True)
class Made:
    """A table whose rows are made a group at a time, as often as it is read.

    Attributes:
        num_rows: of all groups.
        make: gives the groups, of any size, anew at every call.
    """

    schema: pa.Schema
    num_rows: int
    make: Callable[[], Iterator[pa.Table]]

    def groups(self) -> Iterator[pa.Table]:
        """`GROUP` rows at a time, however they are made: equal rows give equal files."""
        return cut(self.make(), GROUP)

    def whole(self) -> pa.Table:
        """All rows at once."""
        return pa.concat_tables([self.schema.empty_table(), *self.groups()])


def cut(tables: Iterator[pa.Table], size: int) -> Iterator[pa.Table]:
    """The rows of some tables in tables of `size` rows; the last may have fewer."""
    held: list[pa.Table] = []
    rows = 0
    for table in tables:
        while table.num_rows:
            part = table.slice(0, size - rows)
            table = table.slice(part.num_rows)
            held.append(part)
            rows += part.num_rows
            if rows == size:
                yield pa.concat_tables(held).combine_chunks()
                held, rows = [], 0
    if held:
        yield pa.concat_tables(held).combine_chunks()


class Parts:
    """Rows in files by the leading bits of a key, so that rows whose keys follow each other are in
    one file, or in files that follow each other.

    Args:
        folder: made here; whoever named it takes it away.
        count: of files, at least one.
    """

    def __init__(self, folder: Path, schema: pa.Schema, count: int) -> None:
        self.folder, self.schema, self.count = folder, schema, max(1, count)
        self._stack = ExitStack()
        self._open: dict[int, pa.RecordBatchStreamWriter] = {}

    def __enter__(self) -> Parts:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def add(self, rows: pa.Table, keys: Array) -> None:
        """Put rows where their keys belong.

        Args:
            keys: uint64, one for each row.
        """
        if not len(keys):
            return
        number = find_part(keys, self.count)
        order = np.argsort(number, kind="stable")
        found, first = np.unique(number[order], return_index=True)
        for part, places in zip(found.tolist(), np.split(order, first[1:]), strict=True):
            self._writer(part).write_table(rows.take(places).combine_chunks())

    def read(self) -> Iterator[pa.Table]:
        """The rows of one file after another, in the order of the files."""
        for part in range(self.count):
            if self._path(part).exists():
                with pa.OSFile(str(self._path(part)), "rb") as file:
                    yield pa.ipc.open_stream(file).read_all()

    def _path(self, part: int) -> Path:
        return self.folder / f"{part}.arrow"

    def _writer(self, part: int) -> pa.RecordBatchStreamWriter:
        if part not in self._open:
            file = self._stack.enter_context(pa.OSFile(str(self._path(part)), "wb"))
            writer = pa.ipc.new_stream(file, self.schema)
            self._open[part] = self._stack.enter_context(writer)
        return self._open[part]
