"""information: what source and target say of each other after their context, under the teacher.

`pmi` is the pointwise mutual information of the two given the context: how much likelier the
target is when the source has been said before. `unsaid` is the information of the source that its
target does not carry: of what the source says after the context, in nats, the share that is left
when the target has been said. Source of the first: Church and Hanks (1990).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from builder.measures.base import Batch, Column, Measure

if TYPE_CHECKING:
    from builder.measures.base import Floats


def compute(batch: Batch) -> dict[str, Floats]:
    """Both columns; NaN where a text does not fit the teacher's positions."""
    import numpy as np

    from builder.decoding.forward import CausalForward
    from builder.decoding.likelihood import score_pairs

    assert batch.models is not None and batch.contexts is not None
    teacher = batch.models.teacher()
    rows = list(zip(batch.contexts, batch.texts(), strict=True))
    scores = score_pairs(CausalForward(teacher.model), teacher.tokenizer, _list_prompted(rows))
    known = {pair: logprob for pair, (logprob, _) in scores.items()}
    pmi, unsaid = [], []
    for context, (source, target) in rows:
        of_target = known.get((context, target), np.nan)
        of_source = known.get((context, source), np.nan)
        words = max(len(target.split()), 1)
        pmi.append((known.get((f"{context} {source}", target), np.nan) - of_target) / words)
        unsaid.append(known.get((f"{context} {target}", source), np.nan) / of_source)
    return {"pmi": np.array(pmi), "unsaid": np.array(unsaid)}


def _list_prompted(
    rows: Sequence[tuple[str, tuple[str, str]]],
) -> Iterator[tuple[str, str]]:
    """Source and target behind their context, and each behind the other."""
    for context, (source, target) in rows:
        yield context, source
        yield context, target
        yield f"{context} {source}", target
        yield f"{context} {target}", source


MEASURE = Measure(
    name="information",
    columns=(
        Column(
            "pmi",
            "pointwise mutual information of source and target given the context, a target's word",
            "nats a word",
            low=float("-inf"),
            label="mutual information a word",
        ),
        Column(
            "unsaid",
            "information of the source that is left when the target has been said, as a share",
            "share of the source's nats",
        ),
    ),
    cost="model",
    direction="both",
    compute=compute,
    models=("teacher",),
)
