"""names: whether each sentence has the names of the other among its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder.critics.agreement import names, words_of
from builder.measures.base import Batch, Column, Measure, shares_found

if TYPE_CHECKING:
    from builder.measures.base import Floats


def compute(batch: Batch) -> dict[str, Floats]:
    """Shares of one sentence's names that are words of the other; no names is 1."""
    forward, backward = shares_found(batch, names, words_of)
    return {"names_forward": forward, "names_backward": backward}


MEASURE = Measure(
    name="names",
    columns=(
        Column(
            "names_forward", "share of the target's names that the source has", "share", high=1.0
        ),
        Column(
            "names_backward", "share of the source's names that the target has", "share", high=1.0
        ),
    ),
    cost="cheap",
    direction="both",
    compute=compute,
)
