"""A few openings through every stage, and what the whole build would be (`build --preview`)."""

from __future__ import annotations

import math
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from builder.config import BuildConfig
from builder.errors import GateError
from builder.progress import Progress
from builder.rejects import draw_rejects
from builder.run import build
from builder.stages.contexts import list_shards
from builder.stages.order import list_stages
from builder.statistics.funnel import Step, count_funnel
from builder.store import Run

OPENINGS = 2
"""Of each domain that go through."""
SHOWN = 10
LAST_ALONE = "duplicates"
"""The last stage that works on a shard alone: what it keeps may still repeat another shard's."""


@dataclass(frozen=True)
class Pilot:
    """What a few openings gave.

    Attributes:
        openings: of each domain that went through, and all that the configuration asks for.
        steps: the funnel.
        kept: pairs before repeats across the corpus are dropped.
        rejected: rows with stage and reason, drawn by chance.
        seconds: of the units, and for the whole.
        disk: bytes of the run's tables, and for the whole.
        memory: largest resident size of this process in bytes; of workers, where those made it.
        pairs: by task, for the whole: what is kept here times the share of openings, and at most
            `run.pairs`.
        wanted: `run.pairs`, pairs of each task at which the whole would end.
        taken: openings of each domain that the whole is likely to take: all of them, or as many as
            give the pairs that are wanted.
    """

    openings: tuple[int, int]
    steps: list[Step]
    kept: list[dict[str, Any]]
    rejected: list[dict[str, Any]]
    seconds: tuple[float, float]
    disk: tuple[int, int]
    memory: int
    pairs: Mapping[str, int]
    wanted: int | None
    taken: int

    @property
    def suffices(self) -> bool:
        """Whether the openings that there are are likely to give the pairs that are wanted."""
        return self.wanted is None or all(count >= self.wanted for count in self.pairs.values())

    def as_json(self) -> dict[str, Any]:
        """A JSON-able mapping."""
        return {
            "openings": {"here": self.openings[0], "all": self.openings[1], "taken": self.taken},
            "funnel": [step.as_json() for step in self.steps],
            "kept": self.kept,
            "rejected": self.rejected,
            "seconds": {"here": self.seconds[0], "all": self.seconds[1]},
            "disk": {"here": self.disk[0], "all": self.disk[1]},
            "memory": self.memory,
            "pairs": dict(self.pairs),
            "wanted": self.wanted,
            "suffices": self.suffices,
        }


def pilot(config: BuildConfig, *, seed: int = 0, progress: Progress | None = None) -> Pilot:
    """Build a few openings in a folder that goes afterwards.

    Time and disk of the whole are those of here times the share of openings: models are loaded once
    and stages over the whole corpus are short, so both are a little less. With `run.pairs` the
    whole is the shards that are likely to suffice, or all where a task has no pair here. A pilot
    that keeps no pair is no error: its rejected rows say why.

    Args:
        seed: of the rejected rows that are shown.

    Raises:
        as `builder.run.build`, but for the gate on no pairs.
    """
    all_openings = config.contexts.openings
    few = min(OPENINGS, all_openings)
    contexts = config.contexts.model_copy(update={"openings": few, "shard": few})
    quiet = config.run.model_copy(update={"preview": False, "pairs": None})
    small = config.model_copy(update={"contexts": contexts, "run": quiet})
    with tempfile.TemporaryDirectory(prefix="dimsum-preview-") as scratch:
        folder = Path(scratch) / "run"
        try:
            build(small, folder, progress=progress)
        except GateError:
            if not Run(folder).header():
                raise
        run = Run(folder)
        steps = count_funnel(run, small)
        names = [stage.name for stage in list_stages(small)]
        numbers = range(len(small.domains))  # a shard for each domain
        done = LAST_ALONE in [step.stage for step in steps]
        kept = [row for shard in numbers if done for row in run.read(LAST_ALONE, shard).to_pylist()]
        rejected = draw_rejects(run, small, limit=SHOWN, seed=seed)
        disk = sum(p.stat().st_size for name in names for p in (folder / name).glob("*"))
    counted = Counter(row["task"] for row in kept)
    tasks = {task.name: counted[task.name] for task in config.definitions}
    taken = _count_openings(config, few, tasks)
    times = taken / (few * len(config.domains))
    wanted = config.run.pairs
    pairs = {task: round(count * times) for task, count in tasks.items()}
    seconds = sum(step.seconds for step in steps)
    return Pilot(
        openings=(few, all_openings),
        steps=steps,
        kept=[_show(row) for row in kept[:SHOWN]],
        rejected=rejected,
        seconds=(seconds, seconds * times),
        disk=(disk, round(disk * times)),
        memory=_measure_memory(),
        pairs={task: min(count, wanted or count) for task, count in pairs.items()},
        wanted=wanted,
        taken=math.ceil(taken / len(config.domains)),
    )


def _count_openings(config: BuildConfig, few: int, found: Mapping[str, int]) -> int:
    """Openings of all domains together that the whole is likely to take, in whole shards.

    Args:
        few: openings of each domain that went through.
        found: pairs of each task that they gave.
    """
    sums = [*accumulate(count for _, count in list_shards(config))]
    if config.run.pairs is None or not all(found.values()):
        return sums[-1]
    least = config.run.pairs * few * len(config.domains) / min(found.values())
    return next((openings for openings in sums if openings >= least), sums[-1])


def _show(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("task", "source", "target")}


def _measure_memory() -> int:
    """Largest resident size of this process or of a process that it waited for, in bytes."""
    sizes = (
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return max(sizes) * (1 if sys.platform == "darwin" else 1024)
