"""Where the pairs come from: by domain, by method and temperature, by length of context."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from builder.methods.registry import METHODS
from builder.report.model import Breakdown, Yield
from builder.report.source import Source
from builder.report.text import make_label
from builder.stages.order import count_units
from builder.stages.splits import count_sentences
from builder.store import Run

MOST_ROWS = 25
"""Lines of a breakdown; what does not fit is summed in the last one."""


def make_breakdowns(source: Source) -> tuple[Breakdown, ...]:
    """Sources of yield; what came before the pairs is known of a run only."""
    pairs = {name: _count(source.rows[name]) for name in ("domain", "method")}
    contexts, candidates = _count_upstream(source)
    methods = {str(name): _describe_method(str(name), source) for name in pairs["method"]}
    if candidates:
        methods |= {str(name): _describe_method(str(name), source) for name in candidates["method"]}
    found = [
        _divide("domain", "By domain", pairs["domain"], contexts, candidates),
        _divide("method", "By method and temperature", pairs["method"], {}, candidates, methods),
    ]
    lengths = source.rows["context_sentences"]
    if not lengths.null_count:
        title = "By sentences in the context"
        found.append(_divide("length", title, _count(lengths), contexts, candidates))
    return tuple(one for one in found if one.rows)


def _count_upstream(source: Source) -> tuple[dict[str, Counter[Any]], dict[str, Counter[Any]]]:
    """Contexts and candidates of a run, counted along each line; a round draws neither."""
    contexts: dict[str, Counter[Any]] = {}
    candidates: dict[str, Counter[Any]] = {}
    run, config = source.run, source.config
    if run is None or config is None or config.round is not None:
        return {}, {}
    for shard in range(count_units("contexts", config)):
        if run.sidecar("contexts", shard) is not None:
            table = _read(run, "contexts", shard, ["context_id", "domain", "sentences"])
            length_of = count_sentences(table)
            _add(contexts, "domain", _count(table["domain"]))
            _add(contexts, "length", _count(table["sentences"]))
            if run.sidecar("candidates", shard) is None:
                continue
            table = _read(run, "candidates", shard, ["domain", "method", "context_id"])
            _add(candidates, "domain", _count(table["domain"]))
            _add(candidates, "method", _count(table["method"]))
            lengths: Counter[Any] = Counter()
            for context_id, count in _count(table["context_id"]).items():
                lengths[length_of[context_id]] += count
            _add(candidates, "length", lengths)
    return contexts, candidates


def _read(run: Run, stage: str, shard: int, columns: list[str]) -> pa.Table:
    return run.read(stage, shard).select(columns)


def _count(column: Any) -> Counter[Any]:
    return Counter(
        {entry["values"].as_py(): entry["counts"].as_py() for entry in pc.value_counts(column)}
    )


def _add(totals: dict[str, Counter[Any]], name: str, counts: Counter[Any]) -> None:
    totals.setdefault(name, Counter()).update(counts)


def _divide(
    name: str,
    title: str,
    pairs: Counter[Any],
    contexts: dict[str, Counter[Any]],
    candidates: dict[str, Counter[Any]],
    labels: dict[str, str] | None = None,
) -> Breakdown:
    keys: Iterable[Any] = {*pairs, *contexts.get(name, ()), *candidates.get(name, ())} - {None}
    rows = tuple(
        Yield(
            name=make_label((labels or {}).get(str(key), str(key))),
            contexts=contexts[name][key] if name in contexts else None,
            candidates=candidates[name][key] if name in candidates else None,
            pairs=pairs[key],
        )
        for key in sorted(keys)
    )
    if len(rows) > MOST_ROWS:
        rest = sorted(rows, key=lambda row: -row.pairs)
        rows = (*rest[: MOST_ROWS - 1], _sum_up(rest[MOST_ROWS - 1 :]))
    return Breakdown(name, title, rows)


def _sum_up(rows: Sequence[Yield]) -> Yield:
    return Yield(
        f"{len(rows)} others",
        contexts=sum(row.contexts or 0 for row in rows) if rows[0].contexts is not None else None,
        candidates=(
            sum(row.candidates or 0 for row in rows) if rows[0].candidates is not None else None
        ),
        pairs=sum(row.pairs for row in rows),
    )


def _describe_method(name: str, source: Source) -> str:
    """A method with the settings that it drew under."""
    if source.config is None:
        return name
    found = [(METHODS.find(one.kind), one) for one in source.config.candidates.methods]
    words = [method.describe(settings) for method, settings in found if method.name == name]
    return ": ".join(part for part in (name, "; ".join(filter(None, words))) if part)
