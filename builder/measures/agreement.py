"""numbers and names: whether each sentence has those of the other."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from builder.critics.agreement import find_names, find_numbers, list_words
from builder.measures.base import Batch, Column, Measure

if TYPE_CHECKING:
    from builder.measures.base import Floats, Indices, Vectors

ItemsOf = Callable[[str], Collection[str]]


def _make_measure(
    name: str,
    wanted: ItemsOf,
    there: ItemsOf,
    libraries: tuple[str, ...] = (),
    version: int = 1,
) -> Measure:
    """Forward: the share of the target's `wanted` items that are `there` in the source; and back.

    Nothing wanted is 1. Counts are products of 0-1 matrices of sentences by items, exact in
    float32 below 2 ** 24 items.
    """

    def compute(batch: Batch) -> dict[str, Floats]:
        items = batch.sentences.each(wanted)
        holders = batch.sentences.each(there)
        (sources, _), (targets, _) = batch.sources, batch.targets
        forward = _measure_share(items, targets, holders, sources).T
        backward = _measure_share(items, sources, holders, targets)
        return {
            f"{name}_forward": batch.spread(forward),
            f"{name}_backward": batch.spread(backward),
        }

    columns = tuple(
        Column(
            f"{name}_{way}", f"share of the {one}'s {name} that the {other} has", "share", high=1.0
        )
        for way, one, other in (("forward", "target", "source"), ("backward", "source", "target"))
    )
    return Measure(
        name,
        columns,
        cost="cheap",
        direction="both",
        compute=compute,
        libraries=libraries,
        version=version,
    )


def _measure_share(
    items: list[Collection[str]],
    asking: Indices,
    holders: list[Collection[str]],
    holding: Indices,
) -> Floats:
    """Share of each asking sentence's items that each holding sentence has."""
    import numpy as np

    vocabulary = {item for index in asking.tolist() for item in items[index]}
    columns = {item: column for column, item in enumerate(sorted(vocabulary))}
    wanted = _mark_incidence(items, asking, columns)
    common = wanted @ _mark_incidence(holders, holding, columns).T
    size = wanted.sum(axis=1, dtype=np.float64)[:, None]
    return np.where(size == 0, 1.0, common.astype(np.float64) / np.maximum(size, 1.0))


def _mark_incidence(
    items: list[Collection[str]], rows: Indices, columns: dict[str, int]
) -> Vectors:
    import numpy as np

    found = np.zeros((len(rows), len(columns)), dtype=np.float32)
    for row, index in enumerate(rows.tolist()):
        for item in items[index]:
            if item in columns:
                found[row, columns[item]] = 1.0
    return found


NUMBERS = _make_measure("numbers", find_numbers, find_numbers, ("numerizer",), version=2)
NAMES = _make_measure("names", find_names, list_words)
