"""Measures of pairs that are in no run: the models of a configuration read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from builder.config import BuildConfig
from builder.measures.base import Batch
from builder.pool import ModelPool
from builder.validity.labels import Label, Labelled

if TYPE_CHECKING:
    from builder.critics.embedding import SentenceEncoder
    from builder.measures.base import Floats, Measure, Models

AT_ONCE = 64
"""Pairs measured together: some measures compare every source with every target."""


def open_models(config: BuildConfig) -> ModelPool:
    """The models of a configuration, for labels that are measured in several calls."""
    return ModelPool(config, {role: {"dtype": "float32"} for role in ("teacher", "critic")})


def measure_texts(
    sources: Sequence[str],
    targets: Sequence[str],
    measures: Iterable[Measure],
    encoder: SentenceEncoder | None,
    models: Models | None = None,
) -> dict[str, Floats]:
    """The columns of measures, each of shape (len(sources),).

    Args:
        sources, targets: of at least one pair.
        encoder: of the sentences, for measures that read vectors.
        models: for measures that name some.
    """
    wanted = list(measures)
    parts: list[dict[str, Floats]] = []
    for first in range(0, len(sources), AT_ONCE):
        few = slice(first, first + AT_ONCE)
        batch = Batch.of_texts(sources[few], targets[few], models)
        if encoder is not None:
            batch.sentences.vectors = encoder.encode(batch.sentences.texts)
        found: dict[str, Floats] = {}
        for measure in wanted:
            found |= measure.of(batch)
        parts.append(found)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


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
    found = measure_texts(
        [one.source for one in labels],
        [one.target for one in labels],
        config.registry.before_critic,
        (models or open_models(config)).encoder(),
    )
    return Labelled(
        # As a run stores them, so that a model meets the same numbers there.
        values={k: v.astype(np.float32).astype(np.float64) for k, v in found.items()},
        valid=np.array([label.valid for label in labels], dtype=bool),
        weight=np.array([label.weight for label in labels], dtype=np.float64),
        context=[label.context or label.source for label in labels],
        missing=0,
    )
