"""pairs: ordered pairs of the candidates of one context, bounded by cheap measures.

A context with n candidates gives n (n - 1) ordered pairs, far more than a critic can read. Every
one is measured here, a context at a time and a column at a time, and only those inside the bounds
of a task go on. Pairs are row numbers of the table of candidates; texts are joined to them when a
shard is written. Where a task takes contexts, a context stands before its candidates as one more
row, and is the source of a pair with each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from builder.config import BuildConfig, Rules
from builder.decide import Decisions, decide
from builder.measures.base import Batch, Sentences
from builder.measures.registry import Registry
from builder.stages.base import Stage, Work, make_schema
from builder.store import REJECTS, Output

if TYPE_CHECKING:
    from builder.measures.base import Floats, Indices

COMMON = ("context_id", "continuation_id", "domain", "context")
"""Columns of a candidate that are those of its context."""
REJECTED = make_schema(
    context_id=pa.string(),
    source=pa.string(),
    target=pa.string(),
    method=pa.string(),
    reason=pa.string(),
)
PairsOf = Callable[[int], "tuple[Indices, Indices]"]
"""From the count of a context's sentences to the positions of sources and targets among them."""


def list_columns(config: BuildConfig) -> pa.Schema:
    """The columns of a pair before the critic."""
    texts = dict.fromkeys((*COMMON, "source", "target", "method"), pa.string())
    columns = {c.name: pa.float32() for m in config.registry.before_critic for c in m.columns}
    return make_schema(
        **texts, **columns, **{f"for_{task}": pa.bool_() for task in config.pairs.bounds}
    )


def make(work: Work) -> Output:
    """Measure all ordered pairs of each context and keep those inside some task's bounds."""
    candidates = work.tables["candidates"]
    if takes_contexts(work.config):
        return find_pairs(work, add_contexts(candidates), pair_context)
    return find_pairs(work, candidates, pair_all)


def takes_contexts(config: BuildConfig) -> bool:
    """Whether the source of some task is a context."""
    return any(task.takes == "context" for task in config.definitions)


def add_contexts(candidates: pa.Table) -> pa.Table:
    """Candidates, and before those of each context the context itself as one more text."""
    starts = np.array([start for start, _ in _find_contexts(candidates)], dtype=np.int64)
    contexts = candidates.take(starts)
    texts = {"sentence": contexts["context"]}
    if "logprob" in contexts.column_names:  # nobody drew it as one text
        texts["logprob"] = pa.nulls(len(starts), contexts.schema.field("logprob").type)
    for name, values in texts.items():
        contexts = contexts.set_column(contexts.column_names.index(name), name, values)
    both = pa.concat_tables([contexts, candidates])
    keys = np.concatenate([starts - 0.5, np.arange(candidates.num_rows)])
    return both.take(np.argsort(keys))


def pair_context(count: int) -> tuple[Indices, Indices]:
    """As `pair_all` of all texts but the first, and the first as source of each other."""
    source, target = pair_all(count - 1)
    others = np.arange(1, count)
    first = np.zeros(count - 1, dtype=source.dtype)
    return np.concatenate([first, source + 1]), np.concatenate([others, target + 1])


def pair_all(count: int) -> tuple[Indices, Indices]:
    """Every ordered pair of `count` sentences, by source and then by target."""
    source, target = np.nonzero(~np.eye(count, dtype=bool))
    return source, target


def find_pairs(work: Work, candidates: pa.Table, pairs_of: PairsOf) -> Output:
    """Measure the pairs of each context and keep those inside the bounds of a task.

    Args:
        candidates: `sentence`, `method`, COMMON, and `logprob` where a teacher drew them; rows of
            one context are neighbours.
        pairs_of: which pairs of a context there are.
    """
    known, bounds = work.config.registry, work.config.pairs.bounds
    texts: list[Any] = candidates["sentence"].to_pylist()
    encoder = work.models.encoder() if texts else None
    vectors = encoder.encode(texts) if encoder is not None else None
    drawn = "logprob" in candidates.column_names
    logprobs = candidates["logprob"].to_numpy().astype(np.float64) if drawn else None
    found = Found()
    for start, stop in _find_contexts(candidates):
        sentences = Sentences(
            texts[start:stop],
            None if vectors is None else vectors[start:stop],
            None if logprobs is None else logprobs[start:stop],
        )
        batch = Batch(sentences, *pairs_of(stop - start))
        values, decisions = measure_pairs(known, bounds, batch)
        found.add(batch, start, values, decisions)
    return found.output(
        candidates, list_columns(work.config), work.config.pairs.keep_rejects, work.seed
    )


def _find_contexts(candidates: pa.Table) -> Iterator[tuple[int, int]]:
    """(first, beyond the last) row of each context."""
    start = 0
    for _, group in groupby(candidates["context_id"].to_pylist()):
        stop = start + sum(1 for _ in group)
        yield start, stop
        start = stop


def measure_pairs(
    known: Registry, bounds: Mapping[str, Rules], batch: Batch
) -> tuple[dict[str, Floats], Decisions]:
    """All measures before the critic of the pairs inside some bounds, and what became of each pair.

    What is bounded is measured of every pair, and the rest of those that go on.
    """
    used = {column for rules in bounds.values() for column in rules}
    asked = [m for m in known.before_critic if any(c.name in used for c in m.columns)]
    values: dict[str, Floats] = {}
    for measure in asked:
        values |= measure.of(batch)
    decisions = decide(bounds, values, len(batch))
    kept = np.flatnonzero(decisions.kept)
    inside = {name: column[kept] for name, column in values.items()}
    rest = batch.only(kept)
    for measure in known.before_critic:
        if measure not in asked:
            inside |= measure.of(rest)
    return inside, decisions


@dataclass
class Found:
    """Pairs of a shard as rows of its candidates, context by context."""

    kept: list[tuple[Any, ...]] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=dict)
    rejects: list[tuple[Any, ...]] = field(default_factory=list)
    reasons: tuple[str, ...] = ()

    def add(
        self, batch: Batch, start: int, values: Mapping[str, Floats], decisions: Decisions
    ) -> None:
        """Take the pairs of a context whose candidates begin at row `start`."""
        source = (batch.source + start).astype(np.int32)
        target = (batch.target + start).astype(np.int32)
        kept = decisions.kept
        self.kept.append((source[kept], target[kept]))
        for name, column in values.items():
            self.columns.setdefault(name, []).append(column.astype(np.float32))
        for task, fits in decisions.fits.items():
            self.columns.setdefault(f"for_{task}", []).append(fits[kept])
        self.rejects.append((source[~kept], target[~kept], decisions.codes[~kept]))
        self.reasons = decisions.names

    def output(self, candidates: pa.Table, wanted: pa.Schema, most: int, seed: int) -> Output:
        """The tables, with at most about `most` rejected rows, and all counts."""
        source, target = (_join(self.kept, side, np.int32) for side in (0, 1))
        entered = len(source) + sum(len(part[0]) for part in self.rejects)
        self.kept.clear()  # millions of rows: no column is held twice
        pairs: dict[str, Any] = {
            **_take_texts(candidates, source, target),
            **self._measures(wanted),
        }
        gone = [_join(self.rejects, part, kind) for part, kind in enumerate("iih")]
        counts = np.bincount(gone[2], minlength=len(self.reasons)).tolist()
        drawn = sample_each(gone[2], most, seed)
        source, target, codes = (part[drawn] for part in gone)
        reason = pa.DictionaryArray.from_arrays(codes, pa.array(self.reasons, pa.string()))
        rejected = {**_take_texts(candidates, source, target), "reason": reason}
        return Output(
            table=pa.table({name: pairs[name] for name in wanted.names}),
            extra={REJECTS: pa.table({name: rejected[name] for name in REJECTED.names})},
            entered=entered,
            rejected={name: n for name, n in zip(self.reasons, counts, strict=True) if n},
        )

    def _measures(self, wanted: pa.Schema) -> dict[str, pa.ChunkedArray[Any]]:
        """Measures and flags, a chunk a context; a value that is no number is missing."""
        found = {}
        for column in wanted:
            if not pa.types.is_string(column.type):
                parts = self.columns.pop(column.name, [])
                chunks = [pa.array(part, column.type, from_pandas=True) for part in parts]
                found[column.name] = pa.chunked_array(chunks, column.type)
        return found


def _join(parts: list[Any], side: int, kind: Any) -> Any:
    return np.concatenate([np.zeros(0, dtype=kind), *(part[side] for part in parts)])


def sample_each(codes: Any, most: int, seed: int) -> Indices:
    """Positions of all, or where they are more than `most`, of an equal share of each code."""
    if len(codes) <= most:
        return np.arange(len(codes))
    present = np.unique(codes).tolist()
    chosen = []
    for code in present:
        positions = np.flatnonzero(codes == code)
        share = most // len(present)
        if len(positions) > share:
            rng = np.random.default_rng([seed, code])
            positions = positions[rng.choice(len(positions), share, replace=False, shuffle=False)]
        chosen.append(positions)
    return np.sort(np.concatenate(chosen))


def _take_texts(candidates: pa.Table, source: Any, target: Any) -> dict[str, pa.Array[Any]]:
    """The texts of pairs, as indices into the columns of the candidates."""
    plain = {name: candidates[name].combine_chunks() for name in (*COMMON, "sentence", "method")}
    found: dict[str, pa.Array[Any]] = {
        name: pa.DictionaryArray.from_arrays(source, plain[name]) for name in COMMON
    }
    found["source"] = pa.DictionaryArray.from_arrays(source, plain["sentence"])
    found["target"] = pa.DictionaryArray.from_arrays(target, plain["sentence"])
    # Methods draw in turn, and a later one may work on what an earlier one gave: a pair is of the
    # method of its later sentence.
    later = np.maximum(source, target)
    found["method"] = pa.DictionaryArray.from_arrays(later, plain["method"])
    return found


def list_settings(config: BuildConfig, _: int) -> dict[str, Any]:
    """What decides the bytes of a shard of pairs."""
    known = config.registry
    return {
        **config.pairs.model_dump(mode="json"),
        "measures": known.identities(known.before_critic),
        **({"contexts": True} if takes_contexts(config) else {}),
    }


def list_libraries(config: BuildConfig) -> tuple[str, ...]:
    """Of the measures that are taken here."""
    return tuple(name for m in config.registry.before_critic for name in m.libraries)


STAGE = Stage(
    name="pairs",
    version=5,
    counted="ordered pairs",
    make=make,
    inputs=("candidates",),
    settings=list_settings,
    models=("encoder",),
    further_libraries=list_libraries,
)
