"""Measures of labelled pairs that are in no run: the models of a configuration read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from builder.config import BuildConfig
from builder.measures.base import Batch
from builder.pool import ModelPool
from builder.validity.labels import Label, Labelled

if TYPE_CHECKING:
    from builder.measures.base import Floats

AT_ONCE = 64
"""Labels measured together: some measures compare every source with every target."""


def open_models(config: BuildConfig) -> ModelPool:
    """The models of a configuration, for labels that are measured in several calls."""
    return ModelPool(config, {role: {"dtype": "float32"} for role in ("teacher", "critic")})


def measure_labels(
    labels: Sequence[Label], config: BuildConfig, models: ModelPool | None = None
) -> Labelled:
    """The measures of a configuration that need no critic, of the labels' own texts.

    Args:
        labels: each with its context, or with none: then its source stands for it.
        config: names the measures and the models.
        models: of `open_models`, kept from call to call; None opens them for this one.

    Raises:
        BuilderError: a model cannot be loaded.
    """
    encoder = (models or open_models(config)).encoder()
    parts: list[dict[str, Floats]] = []
    for first in range(0, len(labels), AT_ONCE):
        few = labels[first : first + AT_ONCE]
        batch = Batch.of_texts([one.source for one in few], [one.target for one in few])
        if encoder is not None:
            batch.sentences.vectors = encoder.encode(batch.sentences.texts)
        found: dict[str, Floats] = {}
        for measure in config.registry.before_critic:
            found |= measure.of(batch)
        # As a run stores them, so that a model meets the same numbers there.
        parts.append({k: v.astype(np.float32).astype(np.float64) for k, v in found.items()})
    return Labelled(
        values={name: np.concatenate([part[name] for part in parts]) for name in parts[0]},
        valid=np.array([label.valid for label in labels], dtype=bool),
        weight=np.array([label.weight for label in labels], dtype=np.float64),
        context=[label.context or label.source for label in labels],
        missing=0,
    )
