"""decisions: scores become a task or a reason; no model, no chance, only rules."""

from __future__ import annotations

import pyarrow as pa

from builder.decide import decide
from builder.measures import MEASURES
from builder.stages.base import Rows, Stage, Work, extended, with_rejects
from builder.stages.scores import SCHEMA as SCORES_SCHEMA
from builder.store import Output

SCHEMA = extended(SCORES_SCHEMA, task=pa.string())
REJECTED = extended(SCORES_SCHEMA, reason=pa.string())


def make(work: Work) -> Output:
    """Apply the rules to every scored pair."""
    rows: Rows = []
    rejects: Rows = []
    for row in work.tables["scores"].to_pylist():
        task, reason = decide(work.config.rules, {measure: row[measure] for measure in MEASURES})
        if task is None:
            rejects.append({**row, "reason": reason})
        else:
            rows.append({**row, "task": task})
    return with_rejects(rows, rejects, SCHEMA, REJECTED)


STAGE = Stage(
    name="decisions",
    version=1,
    unit="ordered pairs",
    make=make,
    inputs=("scores",),
    settings=lambda c, _: c.model_dump(mode="json")["rules"],
)
