"""Sets that meet under a key, compared: what one bucket of keys says of a corpus.

A bucket is a part of all keys, and a group the sets that have one of them. Groups of up to
`most` sets are compared throughout. Of a larger one every set is compared with the `most` / 2 that
follow it in an order by hashes, which is as many pairs a set; the pairs left out are counted.
Nothing depends on the order of the sets or on how keys are parted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from builder.components import smallest_connected
from builder.near_duplicates.verify import alike, distinct
from builder.statistics.words import Array, differs, mix

_PAIRS = 1 << 21
"""Pairs that are compared together, about."""
SetsOf = Callable[[Array], "tuple[Array, Array]"]
"""From numbers of sets, ascending, to their keys, end to end, and where each begins and ends."""


@dataclass(frozen=True)
class Found:
    """What a bucket found.

    Attributes:
        first, other: ends of the edges, numbers of sets: enough of them to connect all that are.
        capped: groups that were too large to be compared throughout.
        left_out: pairs of their sets that were not compared under that key.
    """

    first: Array
    other: Array
    capped: int
    left_out: int


def bucket_edges(
    keys: Array,
    owners: Array,
    digest_of: Callable[[Array], Array],
    sets_of: SetsOf,
    threshold: float,
    most: int,
) -> Found:
    """Connect the sets of a bucket that are alike.

    Args:
        keys, owners: of each key its set, in any order.
        digest_of: from numbers of sets, ascending, to a hash of each; equal sets have the same.
        sets_of: the sets themselves, asked for once.
        threshold: Jaccard similarity from which two sets are alike.
        most: sets of a group that are compared throughout.
    """
    keys, owners = _shared(keys, owners)
    sets, local = np.unique(owners, return_inverse=True)
    digests = digest_of(sets)
    _, first, same = np.unique(digests, return_index=True, return_inverse=True)
    of = first[same]  # sets ascend, so of equal ones the first stands for all
    groups = Groups.of(keys, of[local], digests, most)
    known = np.unique(groups.members)
    elements, starts = sets_of(sets[known])
    place = np.zeros(len(sets), np.int64)
    place[known] = np.arange(len(known))
    edges = [np.stack([of, np.arange(len(sets))])]
    root = of
    for a, b in groups.pairs():
        apart = root[a] != root[b]
        a, b = a[apart], b[apart]
        near = alike(elements, starts, place[a], place[b], threshold)
        if near.any():
            edges.append(np.stack([a[near], b[near]]))
            joined = np.concatenate(edges, axis=1)
            root = smallest_connected(joined[0], joined[1], len(sets))
            edges = [np.stack([root, np.arange(len(sets))])]
    other = np.flatnonzero(root != np.arange(len(sets)))
    return Found(sets[root[other]], sets[other], *groups.cut())


def _shared(keys: Array, owners: Array) -> tuple[Array, Array]:
    """Those keys that two sets or more have, in the order of keys."""
    order = np.argsort(keys, kind="stable")
    keys, owners = keys[order], owners[order]
    shared = ~differs(keys)
    shared[:-1] |= shared[1:]
    return keys[shared], owners[shared]


@dataclass(frozen=True)
class Groups:
    """The different sets under each key, groups end to end.

    Attributes:
        members: numbers of the sets.
        ends: for each member, where its group ends.
        sizes: for each member, the size of its group.
        most: sets of a group that are compared throughout.
    """

    members: Array
    ends: Array
    sizes: Array
    most: int

    @classmethod
    def of(cls, keys: Array, members: Array, digests: Array, most: int) -> Groups:
        """Each set once under each key, in an order by hashes that every key has for itself."""
        order = np.lexsort((mix(digests[members] ^ keys), keys))
        keys, members = keys[order], members[order]
        new = differs(keys, members)
        keys, members = keys[new], members[new]
        begins = np.flatnonzero(differs(keys))
        sizes = np.diff(np.append(begins, len(keys)))
        ends, sizes = np.repeat(begins + sizes, sizes), np.repeat(sizes, sizes)
        several = sizes > 1
        shift = np.cumsum(~several)  # members that go, before each
        return cls(members[several], (ends - shift)[several], sizes[several], most)

    def pairs(self) -> Iterator[tuple[Array, Array]]:
        """Pairs that are to be compared: neighbours first, so that most others are joined by then.

        A pair may come under several keys.
        """
        reach = np.where(self.sizes <= self.most, self.sizes - 1, self.most // 2)
        at = np.arange(len(self.members))
        distance, rounds, waiting = 1, 1, 0
        pairs: list[tuple[Array, Array]] = []
        while len(at):
            there = at[at + distance < self.ends[at]]
            a, b = self.members[there], self.members[there + distance]
            pairs.append((a, b))
            waiting += len(there)
            if distance == rounds or waiting > _PAIRS:
                rounds = max(rounds, 2 * distance)
                yield _joined(pairs)
                pairs, waiting = [], 0
            distance += 1
            at = there[reach[there] >= distance]
        if pairs:
            yield _joined(pairs)

    def cut(self) -> tuple[int, int]:
        """Groups that are not compared throughout, and the pairs of them that are left out."""
        firsts = self.ends - self.sizes == np.arange(len(self.ends))
        sizes = self.sizes[firsts & (self.sizes > self.most)]
        reach = self.most // 2
        left_out = (sizes - reach) * (sizes - reach - 1) // 2
        return len(sizes), int(left_out.sum())


def _joined(pairs: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    a, b = distinct(*(np.concatenate(side) for side in zip(*pairs, strict=True)))
    return a, b
