"""A run whose shards of pairs are given, for the stages that come after them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from builder.config import BuildConfig, load_config
from builder.environment import read_environment_here
from builder.stages.base import make_table
from builder.stages.decisions import list_columns
from builder.stages.order import count_units
from builder.store import REJECTS, Output, Run
from builder.unit import Heard

SCHEMA = list_columns(load_config("embedded"))
STAGES = ("shingles", "edges", "clusters", "near_duplicates")
Rows = list[dict[str, Any]]


def text(rng: random.Random, length: int) -> str:
    return " ".join(rng.choice("abcdefghijklmnop") * 3 for _ in range(length))


def begin(folder: Path, shards: Sequence[Rows], overrides: Sequence[str] = ()) -> Run:
    """A run that has come to its duplicates, with these rows in each shard."""
    shape = (f"contexts.openings={len(shards)}", "contexts.shard=1")
    config = load_config("embedded", (*shape, *overrides))
    run = Run.create(folder)
    run.write_header(
        {
            "config": config.model_dump(mode="json"),
            "models": {},
            "environments": [read_environment_here(config)],
            "threads": 1,
        }
    )
    for shard, rows in enumerate(shards):
        table = make_table(rows, SCHEMA)
        run.commit("duplicates", shard, "given", Output(table, entered=len(rows)), 0.0)
    return run


def finish(run: Run, config: BuildConfig) -> None:
    """Make the stages of near-duplicates."""
    with config.run.engine.start() as engine:
        for stage in STAGES:
            units = range(count_units(stage, config))
            made = list(engine.map(run.folder, stage, units, Heard()))
            assert len(made) == len(units)


def outcome(run: Run, config: BuildConfig) -> tuple[Rows, Rows]:
    """The rows that stay and those that go, in the order of their texts."""
    found: tuple[Rows, Rows] = ([], [])
    for shard in range(count_units("near_duplicates", config)):
        for rows, name in zip(found, (None, REJECTS), strict=True):
            rows += run.read("near_duplicates", shard, name).to_pylist()
    for rows in found:
        rows.sort(key=lambda row: (row["source"], row["target"], row["context_id"] or ""))
    return found
