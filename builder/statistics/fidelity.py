"""Does a target say what its source says? By a critic of another making, and by facts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from builder.critics.windows import describe_long
from builder.errors import ConfigError
from builder.models import resolve
from builder.statistics.corpus import Corpus
from builder.statistics.frame import Frame
from builder.statistics.measured import Measured, round_finite
from builder.statistics.rowwise import measure_mean
from builder.statistics.words import Array
from dimsum.metrics.words import split_words

if TYPE_CHECKING:
    from builder.critics.entailment import EntailmentCritic

THRESHOLDS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95)
VALUES = frozenset({"CARDINAL", "DATE", "MONEY", "ORDINAL", "PERCENT", "QUANTITY", "TIME"})
"""spaCy's entity types that are amounts; numbers are compared by themselves."""


def refuse_own_critic(corpus: Corpus, critic: str) -> None:
    """A critic that filtered a corpus passes it by construction.

    Raises:
        ConfigError: the corpus' provenance names this critic.
    """
    identity = resolve(critic).identity
    if any(used.startswith(identity) for used in corpus.critics):
        raise ConfigError(
            f"{critic} filtered {corpus.name} and cannot judge it",
            hint="name another NLI model with --critic",
        )


@cache
def load_critic(reference: str) -> EntailmentCritic:
    """A critic that judges a corpus.

    Raises:
        BuilderError: it cannot be loaded, or judges wrongly.
    """
    from builder.config import CriticConfig
    from builder.critics.entailment import EntailmentCritic

    return EntailmentCritic.load(CriticConfig(model=reference, dtype="float32"))


def measure_entailment(
    frame: Frame, critic: str, size: int
) -> tuple[list[Measured], dict[str, Any]]:
    """Entailment both ways over a sample, and the share below each threshold."""
    from builder.statistics.vectors import name_model

    loaded = load_critic(critic)
    rows = frame.sample(size, "entailment")
    sources, targets = frame.texts(rows)
    both = [*zip(sources, targets, strict=True), *zip(targets, sources, strict=True)]
    loaded.long.clear()
    scores = loaded.score(both)[:, 0].astype(np.float64).reshape(2, -1)
    parts = {
        "entail_forward": scores[0],
        "entail_backward": scores[1],
        "entail_both": np.minimum(scores[0], scores[1]),
    }
    extra = {"critic": name_model(critic)}
    if said := describe_long(loaded.long):
        extra["long"] = said
    found = []
    for name, part in parts.items():
        values = np.full(frame.rows, np.nan)
        values[rows] = part
        found.append(measure_mean(frame, name, values, sample="entailment", extra=extra))
    return found, {
        "critic": extra["critic"],
        "rows": len(rows),
        "share_below": {name: _measure_below(frame, rows, part) for name, part in parts.items()},
    }


def _measure_below(frame: Frame, rows: Array, scores: Array) -> list[dict[str, float | None]]:
    found = []
    for threshold in THRESHOLDS:
        values = np.full(frame.rows, np.nan)
        values[rows] = np.where(np.isnan(scores), np.nan, scores < threshold)
        share, low, high, _ = frame.blocks.mean(values)
        found.append(
            {
                "threshold": threshold,
                "share": round_finite(share),
                "low": round_finite(low),
                "high": round_finite(high),
            }
        )
    return found


def measure_agreement(frame: Frame, size: int) -> list[Measured]:
    """Agreement of numbers and of named entities over a sample, both ways."""
    from builder.critics.agreement import find_numbers, measure_found

    rows = frame.sample(size, "agreement")
    sources, targets = frame.texts(rows)
    a, b = [find_numbers(text) for text in sources], [find_numbers(text) for text in targets]
    names_a, names_b = find_entities(sources), find_entities(targets)
    words_a = [frozenset(split_words(text)) for text in sources]
    words_b = [frozenset(split_words(text)) for text in targets]
    parts = {
        "numbers_forward": [measure_found(y, x) for x, y in zip(a, b, strict=True)],
        "numbers_backward": [measure_found(x, y) for x, y in zip(a, b, strict=True)],
        "entities_forward": [_measure_named(n, w) for n, w in zip(names_b, words_a, strict=True)],
        "entities_backward": [_measure_named(n, w) for n, w in zip(names_a, words_b, strict=True)],
    }
    found = []
    for name, part in parts.items():
        values = np.full(frame.rows, np.nan)
        values[rows] = part
        found.append(measure_mean(frame, name, values, sample="agreement"))
    return found


def _measure_named(names: Sequence[frozenset[str]], words: frozenset[str]) -> float:
    return sum(name <= words for name in names) / len(names) if names else 1.0


def find_entities(texts: Sequence[str]) -> list[list[frozenset[str]]]:
    """The words of each named entity of each text; amounts and words without letters left out."""
    from builder.sentences import load_nlp

    pipeline = load_nlp()
    needed = [n for n in ("tok2vec", "ner") if n in pipeline.pipe_names]
    found = []
    with pipeline.select_pipes(enable=needed):
        for document in pipeline.pipe(texts, batch_size=64):
            names = [
                frozenset(split_words(entity.text.removesuffix("'s").removesuffix("’s")))
                for entity in document.ents
                if entity.label_ not in VALUES
            ]
            found.append([words - {"the"} for words in names if words - {"the"}])
    return found
