"""Blocks of rows, whose resamples depend on the rows alone, not on their order or number.

Rows are dealt into blocks by a hash of their content. A replicate draws as many blocks as there
are, with replacement, so a replicate is a vector of block weights, and a mean over a million rows
needs its block sums only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from builder.statistics.words import Array
from dimsum.metrics.bootstrap import RESAMPLES, draw_resamples, find_percentiles, resample_ratio

MOST_BLOCKS = 256


@dataclass(frozen=True)
class Blocks:
    """The block of each row.

    Attributes:
        of_row: uint16, one for each row.
        order: rows in an order that depends on their content alone; sums are made in it.
        seed: of the replicates.
    """

    of_row: Array
    order: Array
    seed: int

    @property
    def count(self) -> int:
        """How many blocks there are."""
        return min(MOST_BLOCKS, len(self.of_row))

    @cached_property
    def weights(self) -> Array:
        """Times each block is drawn, float64, shape (RESAMPLES, count)."""
        return draw_resamples(self.count, RESAMPLES, self.seed)

    @classmethod
    def of(cls, priority: Array, seed: int) -> Blocks:
        """Deal rows into blocks in the order of a hash."""
        order = np.argsort(priority, kind="stable")
        blocks = np.empty(len(priority), np.uint16)
        count = max(1, min(MOST_BLOCKS, len(priority)))
        blocks[order] = np.arange(len(priority)) % count
        return cls(blocks, order, seed)

    def mean(self, values: Array) -> tuple[float | None, float | None, float | None, int]:
        """(mean, low, high, rows) over the rows where `values` is defined, that is, not NaN.

        The interval takes the replicates' percentiles. It is None with fewer than two rows.
        """
        values = values[self.order].astype(np.float64)
        defined = ~np.isnan(values)
        rows = int(defined.sum())
        if rows == 0:
            return None, None, None, 0
        blocks = self.of_row[self.order][defined]
        sums = np.bincount(blocks, values[defined], minlength=self.count)
        sizes = np.bincount(blocks, minlength=self.count)
        mean = float(np.sum(values[defined]) / rows)
        if rows < 2:
            return mean, None, None, rows
        replicates = resample_ratio(sums, sizes, self.weights)
        return mean, *find_percentiles(replicates[np.isfinite(replicates)]), rows


def average_independent(
    values: Array, seed: int
) -> tuple[float | None, float | None, float | None]:
    """(mean, low, high) of independent values by the bootstrap, in the order given.

    More than `MOST_BLOCKS` values are dealt into so many blocks first.
    """
    if len(values) == 0:
        return None, None, None
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, None, None
    count = min(len(values), MOST_BLOCKS)
    blocks = np.arange(len(values)) % count
    sums, sizes = np.bincount(blocks, values), np.bincount(blocks)
    return mean, *find_percentiles(
        resample_ratio(sums, sizes, draw_resamples(count, RESAMPLES, seed))
    )


def centre_interval(value: float, replicates: Array) -> tuple[float, float]:
    """An interval around `value` as wide as the replicates spread around their own mean.

    Drawing rows again repeats them, which lowers entropies and vocabularies by themselves; their
    spread is right, their place is not.
    """
    low, high = find_percentiles(replicates)
    middle = float(np.mean(replicates))
    return value + low - middle, value + high - middle
