"""critics: what each model of the critic says alone, and how far apart they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder.measures.base import Batch, Column, Measure

if TYPE_CHECKING:
    from builder.measures.base import Floats


def compute(batch: Batch) -> dict[str, Floats]:
    """Of source to target; a critic of one model has no second, and nothing to be apart from."""
    import numpy as np

    assert batch.models is not None
    each = batch.models.critic().score_each(batch.texts())
    nothing = np.full(len(batch), np.nan)
    second = each[1] if len(each) > 1 else nothing
    return {
        "entail_first": each[0],
        "entail_second": second,
        "critics_apart": np.abs(each[0] - second),
    }


def _make_column(name: str, meaning: str) -> Column:
    return Column(name, meaning, "the critic's probability", high=1.0)


MEASURE = Measure(
    name="critics",
    columns=(
        _make_column("entail_first", "P(source entails target) by the critic's first model alone"),
        _make_column(
            "entail_second", "P(source entails target) by the critic's second model alone"
        ),
        _make_column("critics_apart", "difference of the critic's two models on source to target"),
    ),
    cost="model",
    direction="forward",
    compute=compute,
    models=("critic",),
)
