"""decisions: scores become a task or a reason; no model, no chance, only rules."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from builder.config import BuildConfig
from builder.decide import Decisions, decide
from builder.stages import scores
from builder.stages.base import Stage, Work, extended
from builder.store import REJECTS, Output


def schema(config: BuildConfig) -> pa.Schema:
    """The columns of a decided pair."""
    return extended(scores.schema(config), task=pa.string())


def decided(table: pa.Table, config: BuildConfig) -> Decisions:
    """What a build's rules make of scored pairs."""
    values = {name: table[name].to_numpy().astype(np.float64) for name in config.registry.columns}
    return decide(config.rules, values, table.num_rows)


def make(work: Work) -> Output:
    """Apply the rules to every scored pair."""
    table = work.tables["scores"]
    decisions = decided(table, work.config)
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
)
