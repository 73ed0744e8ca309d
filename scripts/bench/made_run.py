"""A run that was made up as far as some stage, for benchmarks of those behind it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from builder.config import load_config
from builder.environment import read_environment_here
from builder.store import Run


def begin_run(folder: Path, shards: int, workers: int = 1, changes: Sequence[str] = ()) -> Run:
    """A run of so many shards with nothing but its header, by the preset `embedded`.

    Args:
        workers: processes that make its units; 1 is this one.
        changes: to the preset, as `dimsum build --set` has them.
    """
    where = {"kind": "processes", "workers": workers} if workers > 1 else {"kind": "in_process"}
    shape = (f"contexts.openings={shards}", "contexts.shard=1")
    config = load_config("embedded", (*shape, f"run.engine={json.dumps(where)}", *changes))
    run = Run.create(folder)
    header = {"models": {}, "environments": [read_environment_here(config)], "threads": 1}
    run.write_header({"config": config.model_dump(mode="json"), **header})
    return run
