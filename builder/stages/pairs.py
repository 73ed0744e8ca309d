"""pairs: ordered pairs of the candidates of one context, bounded by cheap measures.

A context with n candidates gives n (n - 1) ordered pairs, far more than a critic can read. Every
one is measured here for microseconds, and only those inside the bounds of a task go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa

from builder.critics.agreement import names, numbers, share_found, words_of
from builder.decide import admitted, decide
from builder.measures import CHEAP_MEASURES
from builder.stages.base import Rows, Stage, Work, extended, schema_of, with_rejects
from builder.store import Output
from dimsum.metrics.overlap import compression, density, fragments, rouge_l, tokens
from dimsum.tasks import TASKS

IDENTITY = schema_of(
    context_id=pa.string(),
    continuation_id=pa.string(),
    domain=pa.string(),
    context=pa.string(),
    source=pa.string(),
    target=pa.string(),
    method=pa.string(),
)
SCHEMA = extended(
    IDENTITY,
    **{measure: pa.float32() for measure in CHEAP_MEASURES},
    **{f"for_{task}": pa.bool_() for task in TASKS},
)
REJECTED = schema_of(
    context_id=pa.string(),
    source=pa.string(),
    target=pa.string(),
    method=pa.string(),
    reason=pa.string(),
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A candidate with what the cheap measures need, computed once."""

    text: str
    method: str
    tokens: list[str]
    numbers: frozenset[str]
    names: frozenset[str]
    words: frozenset[str]


def prepared(row: dict[str, Any]) -> Sentence:
    """A candidate's row made ready to be compared."""
    text = row["sentence"]
    return Sentence(text, row["method"], tokens(text), numbers(text), names(text), words_of(text))


def make(work: Work) -> Output:
    """Measure all ordered pairs of each context and keep those inside some task's bounds."""
    rows: Rows = []
    rejects: Rows = []
    bounds = work.config.pairs.bounds
    density_bounds = any("density" in rules for rules in bounds.values())
    candidates = work.tables["candidates"].to_pylist()
    encoder = work.models.encoder() if candidates else None
    of_all = encoder.encode([row["sentence"] for row in candidates]) if encoder else None
    places = range(len(candidates))
    for context_id, group in groupby(places, key=lambda place: candidates[place]["context_id"]):
        members = list(group)
        sentences = [prepared(candidates[place]) for place in members]
        vectors = of_all[members] if of_all is not None else None
        first = candidates[members[0]]
        common = {key: first[key] for key in ("continuation_id", "domain", "context")}
        for i, j, values in measured(sentences, vectors):
            source, target = sentences[i], sentences[j]
            pair = {
                "context_id": context_id,
                "source": source.text,
                "target": target.text,
                "method": method_of(source, target),
            }
            if density_bounds:
                values["density"] = density_of(source, target)
            tasks = admitted(bounds, values)
            if any(tasks.values()):
                values["density"] = density_of(source, target)
                flags = {f"for_{task}": fits for task, fits in tasks.items()}
                rows.append({**pair, **common, **values, **flags})
            else:
                rejects.append({**pair, "reason": decide(bounds, values)[1]})
    return with_rejects(rows, rejects, SCHEMA, REJECTED)


def density_of(source: Sentence, target: Sentence) -> float:
    """Density of a pair: the dearest of the cheap measures, so taken only where it is wanted."""
    return density(fragments(source.tokens, target.tokens), target.text)


def method_of(source: Sentence, target: Sentence) -> str:
    """A pair is sequential when either of its sentences is."""
    return "sequential" if "sequential" in (source.method, target.method) else "parallel"


def measured(
    sentences: list[Sentence], vectors: np.ndarray[Any, Any] | None
) -> Iterator[tuple[int, int, dict[str, float | None]]]:
    """(i, j, cheap measures without density) of every ordered pair, in order.

    Args:
        vectors: unit sentence embeddings, shape (len(sentences), d), or None.
    """
    cosine = vectors @ vectors.T if vectors is not None else None
    count = len(sentences)
    shared_rouge = np.zeros((count, count))
    for i in range(count):
        for j in range(i + 1, count):
            value = rouge_l(sentences[i].tokens, sentences[j].tokens)
            shared_rouge[i, j] = shared_rouge[j, i] = value
    for i, source in enumerate(sentences):
        for j, target in enumerate(sentences):
            if i == j:
                continue
            yield (
                i,
                j,
                {
                    "compression": compression(source.text, target.text),
                    "rouge_l": float(shared_rouge[i, j]),
                    "numbers_forward": share_found(target.numbers, source.numbers),
                    "numbers_backward": share_found(source.numbers, target.numbers),
                    "names_forward": share_found(target.names, source.words),
                    "names_backward": share_found(source.names, target.words),
                    "cosine": float(cosine[i, j]) if cosine is not None else None,
                },
            )


STAGE = Stage(
    name="pairs",
    version=3,
    unit="ordered pairs",
    make=make,
    inputs=("candidates",),
    settings=lambda c, _: c.pairs.model_dump(mode="json"),
    models=("encoder",),
)
