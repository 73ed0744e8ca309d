"""Sets that meet under a key, compared: what one bucket of keys says of a corpus.

A bucket is a part of all keys, and a group the sets that have one of them. Groups of up to
`most` sets are compared throughout. Of a larger one every set is compared with the `most` / 2 that
follow it in an order by hashes, which is as many pairs a set; the pairs left out are counted.
Nothing depends on the order of the sets or on how keys are parted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from builder.components import find_smallest_connected
from builder.near_duplicates.meetings import Meetings, find_alike_pairs
from builder.near_duplicates.verify import make_sketches, may_be_alike
from builder.statistics.words import Array, mark_changes, mix

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


def find_bucket_edges(
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
    keys, owners = _find_shared(keys, owners)
    sets, local = np.unique(owners, return_inverse=True)
    digests = digest_of(sets)
    _, first, same = np.unique(digests, return_index=True, return_inverse=True)
    of = first[same]  # sets ascend, so of equal ones the first stands for all
    meetings, capped, left_out = meet(keys, of[local], digests, most)
    known, members = np.unique(meetings.members, return_inverse=True)
    numbers = np.arange(len(known))
    root = numbers
    elements, starts = sets_of(sets[known])
    sketch, lengths = make_sketches(elements, starts), np.diff(starts)

    def is_open(a: Array, b: Array) -> Array:
        """Whether two sets are neither joined already nor known to differ."""
        found: Array = root[a] != root[b]
        found[found] = may_be_alike(sketch, lengths, a[found], b[found], threshold)
        return found

    meetings = replace(meetings, members=members)
    for a, b in find_alike_pairs(meetings, elements, starts, threshold, is_open):
        if len(a):
            ends = np.concatenate([root, a]), np.concatenate([numbers, b])
            root = find_smallest_connected(*ends, len(known))
    stands = np.arange(len(sets))
    stands[known] = known[root]
    stands = stands[of]
    other = np.flatnonzero(stands != np.arange(len(sets)))
    return Found(sets[stands[other]], sets[other], capped, left_out)


def _find_shared(keys: Array, owners: Array) -> tuple[Array, Array]:
    """Those keys that two sets or more have, in the order of keys."""
    order = np.argsort(keys, kind="stable")
    keys, owners = keys[order], owners[order]
    shared = ~mark_changes(keys)
    shared[:-1] |= shared[1:]
    return keys[shared], owners[shared]


def meet(keys: Array, members: Array, digests: Array, most: int) -> tuple[Meetings, int, int]:
    """Each set once under each key, in an order by hashes that every key has for itself.

    Args:
        keys, members: of each key its set, in any order.
        digests: a hash of every set.
        most: sets under a key that are compared throughout.

    Returns:
        who is compared; the groups that are not compared throughout; and the pairs of their sets
        that are left out.
    """
    order = np.lexsort((mix(digests[members] ^ keys), keys))
    keys, members = keys[order], members[order]
    new = mark_changes(keys, members)
    keys, members = keys[new], members[new]
    begins = np.append(np.flatnonzero(mark_changes(keys)), len(keys))
    sizes = np.diff(begins)
    large = sizes[sizes > most]
    reach = most // 2
    left_out = (large - reach) * (large - reach - 1) // 2
    farthest = np.repeat(np.where(sizes > most, reach, sizes), sizes)
    last = np.minimum(np.arange(len(keys)) + farthest, np.repeat(begins[1:] - 1, sizes))
    several = np.repeat(sizes > 1, sizes)
    shift = np.cumsum(~several)  # members that go, before each
    return Meetings(members[several], (last - shift)[several]), len(large), int(left_out.sum())
