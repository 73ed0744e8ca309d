"""margin: how much surer the critic is of a target than of the other sentences of its context.

Sentences that continue one context share words and topic. A critic that holds half of them for
entailed by a source has not read closely; one that is sure of a single target has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder.measures.base import Batch, Column, Measure

if TYPE_CHECKING:
    from builder.measures.base import Floats


def compute(batch: Batch) -> dict[str, Floats]:
    """P(entailment) of the target, less its mean over the context's other sentences.

    The other sentences are those of the context's other pairs; NaN where there are none. The critic
    reads the source with each of them.
    """
    import numpy as np

    assert batch.models is not None and batch.contexts is not None
    texts = batch.texts()
    together: dict[str, dict[str, None]] = {}
    for context, pair in zip(batch.contexts, texts, strict=True):
        together.setdefault(context, {}).update(dict.fromkeys(pair))
    wanted: dict[tuple[str, str], None] = dict.fromkeys(texts)
    others = []
    for context, (source, target) in zip(batch.contexts, texts, strict=True):
        others.append([(source, o) for o in together[context] if o not in (source, target)])
        wanted.update(dict.fromkeys(others[-1]))
    scores = np.asarray(batch.models.critic().score(list(wanted)), dtype=np.float64)[:, 0]
    known = dict(zip(wanted, scores.tolist(), strict=True))
    margins = [
        known[pair] - np.mean([known[other] for other in row]) if row else np.nan
        for pair, row in zip(texts, others, strict=True)
    ]
    return {"margin": np.array(margins, dtype=np.float64)}


MEASURE = Measure(
    name="margin",
    columns=(
        Column(
            "margin",
            "P(source entails target) less its mean over the other sentences of the context",
            "difference of the critic's probabilities",
            low=-1.0,
            high=1.0,
            label="margin over other sentences",
        ),
    ),
    cost="model",
    direction="forward",
    compute=compute,
    models=("critic",),
)
