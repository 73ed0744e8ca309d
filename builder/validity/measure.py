"""Measures of labelled pairs that are in no run: the models of a configuration read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from builder.config import BuildConfig
from builder.measures.base import Batch
from builder.pool import ModelPool
from builder.stages.scores import Ledger, Lent
from builder.validity.labels import Label, Labelled

if TYPE_CHECKING:
    from builder.measures.base import Floats


def measure_labels(labels: Sequence[Label], config: BuildConfig) -> Labelled:
    """Every measure of a configuration, of the labels' own texts.

    Args:
        labels: each with its context, or with none: then its source stands for it.
        config: names the measures and the models.

    Raises:
        BuilderError: a model cannot be loaded.
    """
    models = {role: {"dtype": "float32"} for role in ("teacher", "critic")}
    pool = ModelPool(config, models)
    sources, targets = [one.source for one in labels], [one.target for one in labels]
    batch = Batch.of_texts(sources, targets, Lent(Ledger(pool, lambda _: None)))
    encoder = pool.encoder()
    if encoder is not None:
        batch.sentences.vectors = encoder.encode(batch.sentences.texts)
    values: dict[str, Floats] = {}
    for measure in (*config.registry.before_critic, *config.registry.with_critic):
        # As a run stores them, so that a model meets the same numbers there.
        values |= {k: v.astype(np.float32).astype(np.float64) for k, v in measure.of(batch).items()}
    return Labelled(
        values=values,
        valid=np.array([label.valid for label in labels], dtype=bool),
        weight=np.array([label.weight for label in labels], dtype=np.float64),
        context=[label.context or label.source for label in labels],
        missing=0,
    )
