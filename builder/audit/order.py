"""The order of a sheet: another one for each reader, repeats far apart, known items in between."""

from __future__ import annotations

import random
from collections.abc import Sequence

from builder.audit.key import Showing
from builder.store import digest, make_seed


def order_sheet(
    rows: Sequence[str], known: Sequence[str], repeats: int, seed: int, reader: str
) -> tuple[Showing, ...]:
    """Items of one reader.

    Repeats are rows of the first half that come again in the second, with half a sheet between
    the two on average. Names of items say nothing of the row.

    Args:
        rows: ids to judge, each once.
        known: ids of known items.
        repeats: rows to show again; at most half of them.
    """
    rng = random.Random(make_seed(seed, "order", reader))
    order = rng.sample(list(rows), len(rows))
    half = (len(order) + 1) // 2
    again = rng.sample(order[:half], min(repeats, len(order) // 2))
    second = [(row, False) for row in order[half:]]
    for row in again:
        second.insert(rng.randint(0, len(second)), (row, True))
    items = [(row, False) for row in order[:half]] + second
    for row in known:
        items.insert(rng.randint(0, len(items)), (row, False))
    return tuple(
        Showing(item=digest([seed, reader, position, row])[:10], row=row, again=twice)
        for position, (row, twice) in enumerate(items)
    )
