"""Rejected rows, drawn for a person to read."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from builder.config import BuildConfig
from builder.errors import ConfigError
from builder.stages.order import count_units, list_stages
from builder.stages.reasons import REASONS
from builder.store import REJECTS, Run
from dimsum.settings import suggest_word


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
        ConfigError: an unknown stage, or a reason that is neither explained nor given in this run.
    """
    names = [s.name for s in list_stages(config)]
    if stage is not None and stage not in names:
        raise ConfigError(
            f"no stage is called {stage!r}{suggest_word(stage, names)}",
            hint=f"stages: {', '.join(names)}",
        )
    given: set[str] = set()
    found = []
    for name in names:
        if stage not in (None, name):
            continue
        for shard in range(count_units(name, config)):
            record = run.sidecar(name, shard)
            if record is None:
                continue
            given |= set(record.rejected)
            if not _select(record.rejected, reason):
                continue
            for row in run.read(name, shard, REJECTS).to_pylist():
                if reason is None or reason in row["reason"]:
                    found.append((name, row))
    if reason is not None and not found and not _select(REASONS, reason):
        where = f"stage {stage}" if stage else "this run"
        raise ConfigError(
            f"{where} rejected no row for a reason like {reason!r}{suggest_word(reason, given)}",
            hint=f"reasons there: {', '.join(sorted(given)) or 'none, it rejected nothing'}",
        )
    chosen = random.Random(seed).sample(found, min(limit, len(found)))
    return [_show(name, row) for name, row in chosen]


def _select(reasons: Iterable[str], wanted: str | None) -> bool:
    return any(wanted is None or wanted in reason for reason in reasons)


def _show(stage: str, row: dict[str, Any]) -> dict[str, Any]:
    text = {"source": row.get("source", row.get("sentence", "")), "target": row.get("target", "")}
    return {"stage": stage, **row, **text}
