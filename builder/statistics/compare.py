"""Corpora side by side at one size: entropies and vocabularies grow with the rows they are of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from builder.errors import ConfigError
from builder.statistics.definitions import find_definition
from builder.statistics.diversity import SIDES, measure_sample
from builder.statistics.frame import Frame
from builder.statistics.measured import round_finite


def compare_equal(frames: Sequence[Frame], size: int | None, draws: int) -> dict[str, Any]:
    """Measures that depend on size, of as many rows from each corpus, several draws.

    Args:
        size: rows of a draw; None takes the smallest corpus.

    Raises:
        ConfigError: a size that a corpus has not.
    """
    smallest = min(frames, key=lambda frame: frame.rows)
    if size is not None and not 0 < size <= smallest.rows:
        raise ConfigError(
            f"{smallest.corpus.name} has {smallest.rows} rows, not {size}",
            hint="choose a smaller size, or leave it out to take the smallest corpus",
        )
    rows = size or smallest.rows
    return {
        "rows": rows,
        "draws": draws,
        "seed": frames[0].seed,
        "note": f"{draws} draws of {rows} rows without replacement from each corpus; value is the "
        "mean of the draws, low and high the smallest and largest; a corpus of that many rows is "
        "the same in every draw",
        "measures": [row for frame in frames for row in _measure_frame(frame, rows, draws)],
    }


def _measure_frame(frame: Frame, rows: int, draws: int) -> list[dict[str, Any]]:
    different = 1 if rows == frame.rows else draws
    found = []
    for side in SIDES:
        values = [
            measure_sample(frame, side, frame.sample(rows, f"equal-{number}"))
            for number in range(different)
        ]
        for name in values[0]:
            known = [v for draw in values if (v := draw[name]) is not None]
            found.append(
                {
                    "corpus": frame.corpus.name,
                    "measure": name,
                    "side": side,
                    "unit": find_definition(name).unit,
                    "value": round_finite(sum(known) / len(known)) if known else None,
                    "low": round_finite(min(known)) if known else None,
                    "high": round_finite(max(known)) if known else None,
                    "draws": different,
                }
            )
    return found
