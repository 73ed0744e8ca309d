"""What each filter removes, with a few examples."""

from __future__ import annotations

import random
from typing import Any

from builder.measures.entailment import DIRECTIONS
from builder.report.model import Example, Removal
from builder.report.source import Source
from builder.report.text import shorten
from builder.stages.order import count_units
from builder.stages.reasons import explain_reason
from builder.store import REJECTS, Run

EXAMPLES = 3
MOST_SHARDS = 40
"""Shards of a stage that are read for examples; a reason found in none of them shows its count."""


def list_removals(source: Source, seed: int = 0) -> tuple[Removal, ...]:
    """Every reason of every stage with its count, and examples where the rejected rows are kept."""
    found = []
    for step in source.steps:
        drawn: dict[str, list[Example]] = {}
        if source.run is not None and source.config is not None and step.rejected:
            shards = count_units(step.stage, source.config)
            drawn = _draw(source.run, step.stage, shards, set(step.rejected), seed)
        for reason, count in step.rejected.items():
            found.append(
                Removal(
                    stage=step.stage,
                    counted=step.counted,
                    reason=reason,
                    count=count,
                    meaning=explain_reason(reason, source.known.meanings),
                    examples=tuple(drawn.get(reason, ())),
                )
            )
    return tuple(found)


def _draw(
    run: Run, stage: str, shards: int, wanted: set[str], seed: int
) -> dict[str, list[Example]]:
    """Up to EXAMPLES rows of each reason, out of shards in a random order."""
    rng = random.Random(seed)
    order = rng.sample(range(shards), min(shards, MOST_SHARDS))
    found: dict[str, list[Example]] = {}
    for shard in order:
        missing = wanted - {reason for reason, some in found.items() if len(some) == EXAMPLES}
        record = run.sidecar(stage, shard)
        if not missing or record is None or not missing & set(record.rejected):
            continue
        table = run.read(stage, shard, REJECTS)
        reasons = table["reason"].to_pylist()
        rows: dict[str, list[int]] = {}
        for index, reason in enumerate(reasons):
            if reason in missing:
                rows.setdefault(reason, []).append(index)
        for reason in sorted(rows):
            room = EXAMPLES - len(found.setdefault(reason, []))
            for index in rng.sample(rows[reason], min(room, len(rows[reason]))):
                found[reason].append(_make_example(table.slice(index, 1).to_pylist()[0]))
    return found


def _make_example(row: dict[str, Any]) -> Example:
    name = row["reason"].rpartition(".")[2]
    note = ""
    value = row.get(name)
    if isinstance(value, float):
        note = f"{name} {value:.2f}"
    elif name == "entailment_below_floor":
        known = [
            f"{side} {row[side]:.2f}" for side in DIRECTIONS.values() if row.get(side) is not None
        ]
        note = ", ".join(known)
    elif row.get("survivor_source"):
        note = f"stays: {shorten(row['survivor_source'], 160)}"
    return Example(
        source=shorten(row.get("source") or row.get("sentence") or "", 300),
        target=shorten(row.get("target") or "", 300),
        note=note,
    )
