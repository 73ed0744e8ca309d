"""Chains of rows that are alike, joined as pairs of them come, and what each row is in its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from builder.components import find_smallest_connected
from builder.statistics.words import Array, mark_changes

_EDGES = 1 << 22
"""Pairs that wait before their chains are joined, about."""


@dataclass(frozen=True)
class Nearness:
    """Of each row, as 0 or 1.

    Attributes:
        alike: another row is alike.
        across: a row of another split is alike.
        redundant: another row of its chain comes before it in the order of `rank`.
        largest: rows of the largest chain.
    """

    alike: Array
    across: Array
    redundant: Array
    largest: int


class Chains:
    """Rows, of which those with the same set are known, and pairs that are alike.

    Of the splits around a row only the lowest and the highest number are kept: another one is
    among them where these two are not both its own.

    Args:
        twin_of: of each row the first with the same set.
        splits: of each row, any numbers.
    """

    def __init__(self, twin_of: Array, splits: Array) -> None:
        known, code = np.unique(splits, return_inverse=True)
        self.twin_of = twin_of
        self.code = code.astype(np.min_scalar_type(max(len(known), 1)))
        self.lowest, self.highest = self.code.copy(), self.code.copy()
        twins = np.flatnonzero(twin_of != np.arange(len(twin_of)))
        np.minimum.at(self.lowest, twin_of[twins], self.code[twins])
        np.maximum.at(self.highest, twin_of[twins], self.code[twins])
        self.around_lowest, self.around_highest = self.lowest.copy(), self.highest.copy()
        self.alike = np.zeros(len(twin_of), bool)
        self.alike[twins] = self.alike[twin_of[twins]] = True
        self.waiting = [np.stack([twin_of[twins], twins])]
        self.count = 0

    def add(self, a: Array, b: Array) -> None:
        """Rows that are alike, of those with the same set the first; a pair may come again."""
        self.alike[a] = self.alike[b] = True
        for one, other in ((a, b), (b, a)):
            np.minimum.at(self.around_lowest, one, self.lowest[other])
            np.maximum.at(self.around_highest, one, self.highest[other])
        self.waiting.append(np.stack([a, b]))
        self.count += len(a)
        if self.count > _EDGES:
            rows, first = self._join()
            apart = rows != first
            self.waiting, self.count = [np.stack([first[apart], rows[apart]])], 0

    def _join(self) -> tuple[Array, Array]:
        """The rows that are in a chain, ascending, and for each the first row of its chain."""
        edges = np.concatenate(self.waiting, axis=1)
        rows = np.unique(edges)
        a, b = np.searchsorted(rows, edges)
        return rows, rows[find_smallest_connected(a, b, len(rows))]

    def verdicts(self, rank: Array) -> Nearness:
        """What each row is.

        Args:
            rank: of each row, an order that does not depend on how the rows came.
        """
        rows, first = self._join()
        alike = self.alike[self.twin_of]
        near = np.flatnonzero(alike)
        of, own = self.twin_of[near], self.code[near]
        across = np.zeros(len(alike))
        across[near] = (self.around_lowest[of] != own) | (self.around_highest[of] != own)
        redundant = np.zeros(len(alike))
        redundant[rows] = mark_redundant_copies(first, rank[rows])
        largest = int(np.unique(first, return_counts=True)[1].max()) if len(rows) else 0
        return Nearness(
            alike=alike.astype(np.float64),
            across=across,
            redundant=redundant,
            largest=max(largest, min(len(alike), 1)),
        )


def mark_redundant_copies(group: Array, rank: Array) -> Array:
    """1 for every row but the first, by `rank`, of those with the same value; float64."""
    order = np.lexsort((rank, group))
    found = np.empty(len(group))
    found[order] = ~mark_changes(group[order])
    return found
