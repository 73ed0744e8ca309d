"""numbers: whether each sentence has the numbers of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder.critics.agreement import numbers
from builder.measures.base import Batch, Column, Measure, shares_found

if TYPE_CHECKING:
    from builder.measures.base import Floats


def compute(batch: Batch) -> dict[str, Floats]:
    """Shares of one sentence's numbers that the other has; no numbers is 1."""
    forward, backward = shares_found(batch, numbers, numbers)
    return {"numbers_forward": forward, "numbers_backward": backward}


MEASURE = Measure(
    name="numbers",
    columns=(
        Column(
            "numbers_forward",
            "share of the target's numbers that the source has",
            "share",
            high=1.0,
        ),
        Column(
            "numbers_backward",
            "share of the source's numbers that the target has",
            "share",
            high=1.0,
        ),
    ),
    cost="cheap",
    direction="both",
    compute=compute,
)
