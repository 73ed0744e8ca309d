"""Who meets under a key, and which of those that meet are alike: what every search goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from builder.near_duplicates.verify import are_alike, find_distinct
from builder.statistics.words import Array, Tokens

_PAIRS = 1 << 20
"""Pairs that are compared at a time, about."""


@dataclass(frozen=True)
class Meetings:
    """The sets under each key, keys end to end.

    Attributes:
        members: numbers of the sets.
        last: for each place among the members, the last place behind it whose member it is compared
            with, under the same key; the place itself where there is none.
    """

    members: Array
    last: Array

    def pairs(self) -> Iterator[tuple[Array, Array]]:
        """Pairs to compare, some at a time, the smaller number first.

        Neighbours come first, so that most others may be joined by then. A pair may come under
        several keys.
        """
        places, distance, doubled, waiting = np.arange(len(self.last)), 1, 1, 0
        pairs: list[tuple[Array, Array]] = []
        while len(places := places[self.last[places] >= places + distance]):
            for first in range(0, len(places), _PAIRS):
                some = places[first : first + _PAIRS]
                pairs.append((self.members[some], self.members[some + distance]))
                waiting += len(some)
                if waiting >= _PAIRS:
                    yield _join(pairs)
                    pairs, waiting = [], 0
            if distance == doubled:
                doubled *= 2
                if pairs:
                    yield _join(pairs)
                    pairs, waiting = [], 0
            distance += 1
        if pairs:
            yield _join(pairs)


def _join(pairs: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    a, b = find_distinct(*(np.concatenate(side) for side in zip(*pairs, strict=True)))
    return a, b


def find_alike_pairs(
    meetings: Meetings,
    keys: Tokens,
    starts: Array,
    threshold: float,
    wanted: Callable[[Array, Array], Array] | None = None,
) -> Iterator[tuple[Array, Array]]:
    """Pairs at or above the threshold of those that meet, the smaller number first.

    A pair may come several times.

    Args:
        keys: of the elements of each set, as in `are_alike`.
        starts: where each set begins, and the end of the last.
        threshold: Jaccard similarity from which two sets are alike.
        wanted: which of some pairs are worth comparing, bool; asked when their turn comes.
    """
    for a, b in meetings.pairs():
        if wanted is not None:
            chosen = wanted(a, b)
            a, b = a[chosen], b[chosen]
        near = are_alike(keys, starts, a, b, threshold)
        yield a[near], b[near]
