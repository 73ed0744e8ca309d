"""A stratified draw whose chances are known.

Released and rejected rows are drawn apart. Rows are first shared out over cells (task; of rejects
stage, reason and task) by a power of their sizes, so that rare ones can be judged (power
allocation, Bankier 1988), then in proportion over a cell's control codes and thirds of the score.
A stratum of N rows of which n are drawn gives each the weight N / n (Horvitz and Thompson 1952).
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from builder.audit.population import RELEASED, Population
from builder.errors import ConfigError
from builder.store import make_seed

REJECTS_SHARE = 1 / 3
RELEASED_POWER = 0.5
REJECTS_POWER = 0.25
"""Reasons differ in size by four orders of magnitude; each is to be seen."""
THIRDS = 3
LEAST = 2
"""Rows of a stratum for which it is split further: from two on its spread can be estimated."""

Label = TypeVar("Label", bound=Hashable)
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One row of the sample: its position in the population and its stratum."""

    position: int
    stratum: str


@dataclass(frozen=True)
class Sample:
    """A draw.

    Attributes:
        rows: in the population's order.
        sizes: rows of the population in each stratum.
    """

    rows: tuple[Drawn, ...]
    sizes: dict[str, int]


def draw_sample(population: Population, n: int, seed: int) -> Sample:
    """Draw n rows, a third of them rejects where the population has any.

    Raises:
        ConfigError: fewer than two rows are asked for.
    """
    if n < LEAST:
        raise ConfigError(f"a sample of {n} says nothing", hint="draw 2 pairs or more")
    rng = random.Random(make_seed(seed, "audit", population.released))
    positions: dict[bool, list[int]] = {True: [], False: []}
    for position, key in enumerate(population.keys):
        positions[key[0] == RELEASED].append(position)
    released, rejects = positions[True], positions[False]
    for_rejects = min(len(rejects), max(round(n * REJECTS_SHARE), n - len(released)))
    parts = [
        (released, min(len(released), n - for_rejects), RELEASED_POWER),
        (rejects, for_rejects, REJECTS_POWER),
    ]
    rows: list[Drawn] = []
    sizes: dict[str, int] = {}
    for some, count, power in parts:
        for stratum, members, m in _make_strata(population, some, count, power):
            sizes[stratum] = len(members)
            rows += [Drawn(position, stratum) for position in rng.sample(members, m)]
    return Sample(tuple(sorted(rows, key=lambda row: row.position)), sizes)


def _make_strata(
    population: Population, positions: Sequence[int], n: int, power: float
) -> list[tuple[str, list[int], int]]:
    """(name, positions, rows to draw) of each stratum of one part."""
    if n == 0:
        return []
    keys = population.keys
    cells = _choose_finest(
        positions,
        n,
        [lambda p: keys[p][:3], lambda p: keys[p][:2], lambda p: keys[p][:1], lambda p: ()],
    )
    found = []
    shares = allocate({key: len(some) for key, some in cells.items()}, n, power)
    for key, some in sorted(cells.items()):
        thirds = _find_thirds(population.scores, some)
        inner = _choose_finest(
            some,
            shares[key] // LEAST,
            [
                lambda p, t=thirds: (keys[p][3], t[p]),  # type: ignore[misc]
                lambda p: (keys[p][3],),
                lambda p: (),
            ],
        )
        counts = allocate({k: len(v) for k, v in inner.items()}, shares[key], power=1.0)
        for inside, members in sorted(inner.items()):
            name = "/".join(part for part in (*key, *inside) if part) or "all"
            found.append((name, members, counts[inside]))
    return found


def _choose_finest(
    positions: Sequence[int], most: int, ways: Sequence[Callable[[int], Key]]
) -> dict[Key, list[int]]:
    """The first way of grouping that has at most `most` groups, or the last."""
    groups: dict[Key, list[int]] = {}
    for way in ways:
        groups = {}
        for position in positions:
            groups.setdefault(way(position), []).append(position)
        if len(groups) <= most:
            break
    return groups


def _find_thirds(scores: Sequence[float | None], positions: Sequence[int]) -> dict[int, str]:
    """The third of the cell's scores that each row lies in; empty text for no score."""
    known = [scores[p] for p in positions if scores[p] is not None]
    if not known:
        return dict.fromkeys(positions, "")
    cuts = np.quantile(np.asarray(known, float), [k / THIRDS for k in range(1, THIRDS)])
    found = {}
    for position in positions:
        value = scores[position]
        found[position] = (
            "no-score"
            if value is None
            else f"score-{1 + int(np.searchsorted(cuts, value, side='right'))}-of-{THIRDS}"
        )
    return found


def allocate(sizes: Mapping[Label, int], n: int, power: float) -> dict[Label, int]:
    """Share n rows out by size ** power: one to each, the rest by the Webster method.

    Args:
        sizes: rows of each group; none gets more than it has.

    Raises:
        ValueError: n is less than the number of groups or more than their rows.
    """
    if not len(sizes) <= n <= sum(sizes.values()):
        raise ValueError(f"{n} rows over {len(sizes)} groups of {sum(sizes.values())} rows")
    found = dict.fromkeys(sizes, 1)
    order = list(sizes)
    queue = [
        (-(sizes[label] ** power) / 3, position)
        for position, label in enumerate(order)
        if sizes[label] > 1
    ]
    heapq.heapify(queue)
    for _ in range(n - len(sizes)):
        _, position = heapq.heappop(queue)
        label = order[position]
        found[label] += 1
        if found[label] < sizes[label]:
            weight = sizes[label] ** power / (2 * found[label] + 1)
            heapq.heappush(queue, (-weight, position))
    return found
