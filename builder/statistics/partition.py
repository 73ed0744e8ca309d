"""More numbers than memory holds, a part at a time: in files by range, or by positions.

A part is a range of keys that are spread as hashes are, so parts are of about one size, and equal
keys are in one of them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from builder.statistics.words import Array

RANGE = 1 << 22
"""Keys that are sorted at a time, about."""


def count_parts(keys: int) -> int:
    """Into how many parts so many keys are taken."""
    return max(1, -(-keys // RANGE))


def find_part(keys: Array, parts: int) -> Array:
    """The part that each key belongs to, uint16 where that suffices; parts ascend as keys do."""
    number = (keys >> np.uint64(32)) * np.uint64(parts) >> np.uint64(32)
    return number.astype(np.min_scalar_type(parts))


def order_parts(keys: Array) -> Iterator[Array]:
    """Positions of keys in the order of keys, equal ones in the order they have, a part at a time.

    Args:
        keys: uint64, spread as hashes are.
    """
    parts = count_parts(len(keys))
    if parts == 1:
        yield np.argsort(keys, kind="stable")
        return
    number = find_part(keys, parts)
    for part in range(parts):
        inside = np.flatnonzero(number == part)
        yield inside[np.argsort(keys[inside], kind="stable")]


class Partition:
    """Records of a few numbers each, added in any order of their parts and read a part at a time.

    Those of one part keep the order in which they were added. A single part stays in memory; of
    several each column is a file, in a scratch folder (`TMPDIR`) that lives as long as the context.

    Args:
        parts: how many there are.
        kinds: numpy types of a record's numbers.
    """

    def __init__(self, parts: int, *kinds: Any) -> None:
        self.parts = parts
        self.kinds = [np.dtype(kind) for kind in kinds]
        self._stack = ExitStack()
        self._folder: Path | None = None
        self._held: list[list[Array]] = [[] for _ in kinds]

    def __enter__(self) -> Partition:
        if self.parts > 1:
            scratch = tempfile.TemporaryDirectory(prefix="dimsum-stats-")
            self._folder = Path(self._stack.enter_context(scratch))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def add(self, part: Array, *columns: Array) -> None:
        """Add records.

        Args:
            part: of each record, below `parts`.
            columns: one array for each of the kinds.
        """
        typed = [
            values.astype(k, copy=False) for values, k in zip(columns, self.kinds, strict=True)
        ]
        if self._folder is None:
            for held, values in zip(self._held, typed, strict=True):
                held.append(values)
            return
        order = np.argsort(part, kind="stable")
        borders = np.searchsorted(part[order], np.arange(self.parts + 1))
        for number, values in enumerate(typed):
            sorted_values = values[order]
            for one in np.flatnonzero(np.diff(borders)).tolist():
                with self._path(self._folder, one, number).open("ab") as file:
                    file.write(sorted_values[borders[one] : borders[one + 1]].tobytes())

    def read(self, part: int) -> list[Array]:
        """The columns of one part."""
        if self._folder is None:
            return [
                np.concatenate([np.zeros(0, kind), *held])
                for kind, held in zip(self.kinds, self._held, strict=True)
            ]
        paths = [self._path(self._folder, part, number) for number in range(len(self.kinds))]
        return [
            np.fromfile(path, kind) if path.exists() else np.zeros(0, kind)
            for path, kind in zip(paths, self.kinds, strict=True)
        ]

    @staticmethod
    def _path(folder: Path, part: int, column: int) -> Path:
        return folder / f"{part}.{column}"
