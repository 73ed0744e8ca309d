"""Tree edit distance of source and target: how differently two sentences are built."""

from __future__ import annotations

import numpy as np

from builder.statistics.frame import Frame
from builder.statistics.measured import Measured
from builder.statistics.rowwise import measure_mean
from dimsum.syntax.parsers import Parser, find_parser
from dimsum.syntax.tree import TOP, measure_distance

MOST_TOKENS = 120
"""A text of more tokens is left out: the distance takes time cubic in the tree."""


def measure_dependency(frame: Frame, size: int) -> list[Measured]:
    """TED-3 and TED-F of dependency trees over a sample."""
    return _measure_distances(frame, size, find_parser(), "ted", {})


def measure_constituency(frame: Frame, parser: str, size: int) -> list[Measured]:
    """The same of constituency trees, by the parser that is given."""
    return _measure_distances(
        frame, size, find_parser(parser), "constituency_ted", {"parser": parser}
    )


def _measure_distances(
    frame: Frame, size: int, parser: Parser, prefix: str, extra: dict[str, str]
) -> list[Measured]:
    rows = frame.sample(size, "trees")
    sources, targets = frame.texts(rows)
    short = [
        max(len(source.split()), len(target.split())) <= MOST_TOKENS
        for source, target in zip(sources, targets, strict=True)
    ]
    rows = rows[np.asarray(short, bool)]
    sources = [text for text, keep in zip(sources, short, strict=True) if keep]
    targets = [text for text, keep in zip(targets, short, strict=True) if keep]
    values = {name: np.full(frame.rows, np.nan) for name in (f"{prefix}_3", f"{prefix}_f")}
    pairs = zip(rows, parser.parse(sources), parser.parse(targets), strict=True)
    for row, a, b in pairs:
        if a is not None and b is not None:
            values[f"{prefix}_3"][row] = measure_distance(a.trim(TOP), b.trim(TOP))
            values[f"{prefix}_f"][row] = measure_distance(a, b)
    return [
        measure_mean(frame, name, column, sample="trees", extra=extra)
        for name, column in values.items()
    ]
