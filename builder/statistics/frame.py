"""A corpus after one pass: columns, tokens and texts in files of a scratch folder.

The pass runs over pieces in any number of processes. Whatever is computed from a frame depends on
the rows alone: not on their order, nor on the pieces, nor on the processes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from builder.statistics.blocks import Blocks
from builder.statistics.corpus import Corpus, Rows
from builder.statistics.pairs import Options, Piece, measure_piece
from builder.statistics.partition import order_parts
from builder.statistics.words import GOLDEN, Array, Stream, hash_text, mix
from dimsum.data.values import Reading

STREAMS = ("source", "target", "shingles")
FEW_PIECES = 4
"""Fewer pieces than these are done before another process would be up."""
TEXTS = pa.schema([("source", pa.large_string()), ("target", pa.large_string())])


class Columns(Mapping[str, Array]):
    """Arrays by name, each in a file, read anew whenever it is asked for.

    There are dozens of one value a row, of which a measure needs one or two.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kinds: dict[str, np.dtype[Any]] = {}
        self._open: dict[str, BinaryIO] = {}
        folder.mkdir()

    def append(self, name: str, values: Array) -> None:
        """Add values to the end of an array."""
        if name not in self._open:
            self.kinds[name] = values.dtype
            self._open[name] = self._path(name).open("wb")
        if values.dtype != self.kinds[name]:
            raise TypeError(f"{name} is of {self.kinds[name]}, not {values.dtype}")
        self._open[name].write(np.ascontiguousarray(values).tobytes())

    def close(self) -> None:
        """Nothing is appended any more."""
        for file in self._open.values():
            file.close()

    def take_over(self, other: Columns) -> None:
        """Put the values of other arrays of these names behind their own; the others go."""
        for name, kind in self.kinds.items():
            if other.kinds[name] != kind:
                raise TypeError(f"{name} is of {kind}, not {other.kinds[name]}")
            append_file(self._path(name), other._path(name))

    def __getitem__(self, name: str) -> Array:
        return np.fromfile(self._path(name), self.kinds[name])

    def _path(self, name: str) -> Path:
        return self.folder / str(list(self.kinds).index(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self.kinds)

    def __len__(self) -> int:
        return len(self.kinds)


@dataclass(frozen=True)
class Frame:
    """A corpus made ready.

    Attributes:
        corpus: it was made from.
        folder: scratch, with a file for each stream and files of texts.
        columns: one value a row, float64 or Boolean; NaN where it is not defined.
        keys: uint64, one value a row: source, target, split, opening.
        lengths: of each row's part in each stream.
        splits: name of each split by its key.
        reading: how many rows were read, and those that were not measured.
        seed: of blocks, draws and replicates.
    """

    corpus: Corpus
    folder: Path
    columns: Columns
    keys: Columns
    lengths: Columns
    splits: dict[int, str]
    reading: Reading
    seed: int

    @cached_property
    def rows(self) -> int:
        """How many pairs there are."""
        return len(self.keys["source"])

    def stream(self, name: str) -> Stream:
        """A stream of hashes, in its file."""
        return Stream(self.folder / f"{name}.u64")

    @cached_property
    def row_keys(self) -> Array:
        """A key for each row's content; of equal rows every copy has its own."""
        keys = mix(self.keys["source"] ^ mix(self.keys["target"] ^ mix(self.keys["split"])))
        for order in order_parts(keys):
            ordered = keys[order]
            copy = np.arange(len(order)) - np.searchsorted(ordered, ordered, "left")
            keys[order] = ordered + copy.astype(np.uint64) * np.uint64(GOLDEN)
        return keys

    @cached_property
    def blocks(self) -> Blocks:
        """Rows dealt into bootstrap blocks."""
        return Blocks.of(self._priority("blocks"), self.seed)

    @cached_property
    def digest(self) -> str:
        """sha256 over the sorted row keys: the same for the same rows in any order and format."""
        found = sha256()
        for order in order_parts(self.row_keys):
            found.update(self.row_keys[order].astype("<u8").tobytes())
        return found.hexdigest()

    def sample(self, size: int, draw: str) -> Array:
        """Numbers of `size` rows drawn without replacement, in the order of the draw.

        Args:
            size: all rows if there are fewer.
            draw: its name; with the seed and the rows it decides what is drawn.
        """
        priority = self._priority(draw)
        if size < len(priority):
            chosen = np.argpartition(priority, size)[:size]
        else:
            chosen = np.arange(len(priority))
        found: Array = chosen[np.argsort(priority[chosen], kind="stable")]
        return found

    def _priority(self, draw: str) -> Array:
        return mix(self.row_keys ^ np.uint64(hash_text(f"{self.seed} {draw}")))

    def texts(self, rows: Array) -> tuple[list[str], list[str]]:
        """Sources and targets of some rows, in their order."""
        order = np.argsort(rows, kind="stable")
        wanted = rows[order]
        parts = [TEXTS.empty_table()]
        start = 0
        for path in list_text_files(self.folder):
            with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as batches:
                for number in range(batches.num_record_batches):
                    batch = batches.get_batch(number)
                    first, last = np.searchsorted(wanted, (start, start + batch.num_rows))
                    if first < last:
                        parts.append(pa.table(batch.take(pa.array(wanted[first:last] - start))))
                    start += batch.num_rows
        back = np.empty(len(order), np.int64)
        back[order] = np.arange(len(order))
        table = pa.concat_tables(parts).take(back)
        sources: Any = table["source"].to_pylist()
        targets: Any = table["target"].to_pylist()
        return sources, targets


def append_file(path: Path, more: Path) -> None:
    """Put the bytes of a file behind those of another, and take it away."""
    with path.open("ab") as whole, more.open("rb") as part:
        shutil.copyfileobj(part, whole, 1 << 20)
    more.unlink()


def list_text_files(folder: Path) -> list[Path]:
    """The files of texts of a frame, in the order of their rows."""
    found = {int(path.stem.removeprefix("texts-")): path for path in folder.glob("texts-*.arrow")}
    return [found[number] for number in sorted(found)]


@contextmanager
def open_frame(
    corpus: Corpus,
    options: Options,
    *,
    seed: int = 0,
    processes: int = 1,
    tick: Callable[[int], None] = lambda rows: None,
) -> Iterator[Frame]:
    """Pass over a corpus; the frame's scratch folder lives as long as the context.

    Args:
        tick: called with the rows of each piece that is done.

    Raises:
        UsageError: the corpus has no row, lacks a column, or a file cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="dimsum-stats-") as scratch:
        yield _pass(corpus, options, Path(scratch), seed, processes, tick)


def _pass(
    corpus: Corpus,
    options: Options,
    folder: Path,
    seed: int,
    processes: int,
    tick: Callable[[int], None],
) -> Frame:
    columns, keys, lengths = (Columns(folder / n) for n in ("columns", "keys", "lengths"))
    splits: dict[int, str] = {}
    reading = Reading()
    files = {name: (folder / f"{name}.u64").open("wb") for name in STREAMS}
    try:
        with (
            pa.OSFile(str(folder / "texts-0.arrow"), "wb") as sink,
            pa.ipc.new_file(sink, TEXTS) as texts,
        ):
            for rows, piece in _measure_pieces(corpus.pieces(reading=reading), options, processes):
                texts.write_batch(pa.record_batch([rows.source, rows.target], schema=TEXTS))
                splits |= {hash_text(name): name for name in set(rows.split)}
                for kept, found in (
                    (columns, piece.columns),
                    (keys, piece.keys),
                    (lengths, piece.lengths),
                ):
                    for name, values in found.items():
                        kept.append(name, values)
                for name, values in piece.streams.items():
                    files[name].write(np.ascontiguousarray(values, np.uint64).tobytes())
                tick(len(rows))
    finally:
        for file in files.values():
            file.close()
        for held in (columns, keys, lengths):
            held.close()
    if not keys:
        raise reading.nothing(corpus.name, "pair to measure", corpus.columns.where)
    return Frame(
        corpus=corpus,
        folder=folder,
        columns=columns,
        keys=keys,
        lengths=lengths,
        splits=splits,
        reading=reading,
        seed=seed,
    )


def _measure_pieces(
    pieces: Iterator[Rows], options: Options, processes: int
) -> Iterator[tuple[Rows, Piece]]:
    """Pieces with their measures, in order; few are in the air at a time."""
    filled = (rows for rows in pieces if len(rows))
    begun = list(islice(filled, FEW_PIECES))
    if processes <= 1 or len(begun) < FEW_PIECES:
        for rows in chain(begun, filled):
            yield rows, measure_piece(rows, options)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting: deque[tuple[Rows, Future[Piece]]] = deque()
        for rows in chain(begun, filled):
            waiting.append((rows, pool.submit(measure_piece, rows, options)))
            if len(waiting) > 2 * processes:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
