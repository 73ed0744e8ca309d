"""Rejected rows, drawn for a person to read."""

from __future__ import annotations

import random
from typing import Any

from builder.config import BuildConfig
from builder.errors import ConfigError
from builder.run import stages_of, units_of
from builder.store import REJECTS, Run
from dimsum.settings import did_you_mean


def draw_rejects(
    run: Run,
    config: BuildConfig,
    *,
    stage: str | None = None,
    reason: str | None = None,
    limit: int = 20,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """A random draw of rejected rows, each with its stage and reason.

    Rows that are a single sentence come as `source` with an empty `target`.

    Args:
        stage: only this stage's.
        reason: only reasons that contain this text.

    Raises:
        ConfigError: an unknown stage.
    """
    names = [s.name for s in stages_of(config)]
    if stage is not None and stage not in names:
        raise ConfigError(f"no stage is called {stage!r}{did_you_mean(stage, names)}")
    found = []
    for name in names:
        if stage not in (None, name):
            continue
        for shard in range(units_of(name, config)):
            record = run.sidecar(name, shard)
            if record is None or not _wanted(record.rejected, reason):
                continue
            for row in run.read(name, shard, REJECTS).to_pylist():
                if reason is None or reason in row["reason"]:
                    found.append((name, row))
    chosen = random.Random(seed).sample(found, min(limit, len(found)))
    return [_shown(name, row) for name, row in chosen]


def _wanted(rejected: dict[str, int], reason: str | None) -> bool:
    return any(reason is None or reason in name for name in rejected)


def _shown(stage: str, row: dict[str, Any]) -> dict[str, Any]:
    text = {"source": row.get("source", row.get("sentence", "")), "target": row.get("target", "")}
    return {"stage": stage, **row, **text}
