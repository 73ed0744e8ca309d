"""decisions: scores become a task or a reason; no model, no chance, only rules."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from builder.config import BuildConfig
from builder.decide import ALSO, Decisions, decide
from builder.measures.registry import VALIDITY
from builder.stages import scores
from builder.stages.base import Stage, Work, extend
from builder.store import REJECTS, Output
from builder.validity.use import collect_values, list_files


def list_columns(config: BuildConfig) -> pa.Schema:
    """The columns of a decided pair."""
    derived = {} if config.validity is None else {VALIDITY.name: pa.float32()}
    return extend(scores.list_columns(config), **derived, task=pa.string())


def decide_pairs(table: pa.Table, config: BuildConfig) -> Decisions:
    """What a build's rules make of scored pairs."""
    return decide(config.rules, collect_values(table, config), table.num_rows)


def make(work: Work) -> Output:
    """Apply the rules to every scored pair."""
    table = work.tables["scores"]
    values = collect_values(table, work.config)
    decisions = decide(work.config.rules, values, table.num_rows)
    if VALIDITY.name in values:
        column = pa.array(values[VALIDITY.name].astype(np.float32))
        table = table.append_column(VALIDITY.name, column)
    outcome = pa.DictionaryArray.from_arrays(
        decisions.codes, pa.array(decisions.names, pa.string())
    ).cast(pa.string())
    kept = pa.array(decisions.kept)
    gone = pa.array(~decisions.kept)
    counts = decisions.counts()
    return Output(
        table=table.append_column("task", outcome).filter(kept),
        extra={REJECTS: table.append_column("reason", outcome).filter(gone)},
        entered=table.num_rows,
        rejected={name: counts[name] for name in decisions.reasons if name in counts},
        counters={ALSO + name: n for name, n in decisions.count_others().items()},
    )


STAGE = Stage(
    name="decisions",
    version=1,
    counted="ordered pairs",
    make=make,
    inputs=("scores",),
    settings=lambda c, _: {
        "rules": c.model_dump(mode="json")["rules"],
        "order": [task.name for task in c.definitions],
    },
    files=list_files,
)
