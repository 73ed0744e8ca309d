"""Rows of a table that lies in the files of many shards, of which a few are read at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from builder.statistics.words import Array, find_offsets
from builder.store import read_table
from builder.stored import Stored


class Shards:
    """The rows of all shards, numbered end to end.

    Attributes:
        starts: the number of the first row of each shard, and how many rows there are, int64.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self.starts = find_offsets(
            np.asarray([Stored([path]).num_rows for path in paths], np.int64)
        )

    @cached_property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(Stored(self.paths).schema.names)

    def read(self, rows: Array, columns: Sequence[str]) -> pa.Table:
        """Some columns of some rows, in the order of their numbers.

        Args:
            rows: ascending.
        """
        borders = np.searchsorted(rows, self.starts)
        parts = [Stored(self.paths).schema.empty_table().select(list(columns))]
        for number, path in enumerate(self.paths):
            first, last = borders[number : number + 2]
            if first < last:
                inside = pa.array(rows[first:last] - self.starts[number])
                parts.append(read_table(path, columns).take(inside))
        return pa.concat_tables(parts)
