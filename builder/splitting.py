"""Which split each pair of a corpus lies in, decided by hashes of what it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from builder.components import find_smallest_connected
from builder.statistics.partition import order_parts
from builder.statistics.words import Array, hash_texts, mix
from builder.store import digest

SPLITS = ("train", "validation", "test")


def make_row_id(task: str, source: str, target: str) -> str:
    """The id of a released row: 64 bits of its task and its texts."""
    return digest([task, source, target])[:16]


KEYS = ("task", "source", "target", "continuation_id")


@dataclass(frozen=True)
class Keys:
    """What of each pair decides its place.

    Attributes:
        names: of the tasks.
        task: number of the task, int16.
        ids: the numbers that the ids of released rows spell, uint64.
        nodes: hashes of continuation, source and target, uint64, shape (3, pairs).
    """

    names: tuple[str, ...]
    task: Array
    ids: Array
    nodes: Array

    def take(self, rows: Array) -> Keys:
        """Of some rows."""
        return Keys(self.names, self.task[rows], self.ids[rows], self.nodes[:, rows])

    def counts(self) -> dict[str, int]:
        """Pairs of each task that has any."""
        counted = np.bincount(self.task, minlength=len(self.names)).tolist()
        return {name: n for name, n in zip(self.names, counted, strict=True) if n}


def make_keys(groups: Iterable[pa.Table]) -> Keys:
    """The keys of pairs with the columns `KEYS`."""
    numbers: dict[str, int] = {}
    task = [np.zeros(0, np.int16)]
    ids = [np.zeros(0, np.uint64)]
    nodes = [np.zeros((3, 0), np.uint64)]
    for group in groups:
        columns: list[Any] = [group[name].to_pylist() for name in KEYS]
        tasks, sources, targets, continuations = columns
        codes = (numbers.setdefault(name, len(numbers)) for name in tasks)
        task.append(np.fromiter(codes, np.int16, len(tasks)))
        found = (int(make_row_id(*row), 16) for row in zip(tasks, sources, targets, strict=True))
        ids.append(np.fromiter(found, np.uint64, len(tasks)))
        sides = [mix(hash_texts(texts), 0) for texts in (sources, targets)]
        nodes.append(np.stack([mix(hash_texts(continuations), 1), *sides]))
    joined = [np.concatenate(parts, axis=-1) for parts in (task, ids, nodes)]
    return Keys(tuple(numbers), *joined)


def choose_first_of_each(keys: Keys, most: int | None) -> Array:
    """Which pairs are among the first `most` of their task by id; None takes all."""
    taken = np.ones(len(keys.ids), bool)
    if most is not None:
        order = np.lexsort((keys.ids, keys.task))
        tasks = keys.task[order]
        taken[order] = np.arange(len(tasks)) - np.searchsorted(tasks, tasks, "left") < most
    return taken


def assign(keys: Keys, validation: float, test: float, seed: int) -> Array:
    """The number of each pair's split in `SPLITS`, int8.

    Components are drawn in the order of a hash of their smallest id; test and then validation take
    whole components as long as they do not exceed their share of pairs, and the rest is train.
    """
    count = len(keys.ids)
    root = find_smallest_connected(*_find_edges(keys), count)
    order = np.lexsort((keys.ids, root))
    _, first, sizes = np.unique(root[order], return_index=True, return_counts=True)
    drawn = mix(keys.ids[order][first] ^ mix(np.asarray([seed], np.uint64)))
    split = np.zeros(len(first), np.int8)
    room = {"test": int(test * count), "validation": int(validation * count)}
    for index in np.argsort(drawn, kind="stable").tolist():
        for name in room:
            if sizes[index] <= room[name]:
                room[name] -= int(sizes[index])
                split[index] = SPLITS.index(name)
                break
    found = np.empty(count, np.int8)
    found[order] = np.repeat(split, sizes)
    return found


def _find_edges(keys: Keys) -> tuple[Array, Array]:
    """Edges between pairs that have a node in common, each with the next that has it.

    Two that have one hash by chance would only lie in one split.
    """
    nodes, count = keys.nodes.ravel(), len(keys.ids)
    edges = [np.zeros((2, 0), np.int64)]
    for order in order_parts(nodes):
        same = np.flatnonzero(nodes[order[1:]] == nodes[order[:-1]])
        edges.append(np.stack([order[same], order[same + 1]]) % max(count, 1))
    a, b = np.concatenate(edges, axis=1)
    return a, b
