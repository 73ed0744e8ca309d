"""As many shards as give the pairs that `run.pairs` asks for, and none more.

Shards are taken in their order, and the run ends with the first at which every task has its pairs
after the near-duplicates are out. That number depends on the rows alone: an engine may make shards
beyond it, which then are no part of the run. `splits` takes the first pairs by id of what is more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

from builder.config import BuildConfig
from builder.errors import GateError
from builder.stages import contexts
from builder.stages.base import Stage
from builder.stages.order import count_units, list_stages
from builder.store import Run, read_table
from builder.unit import Opened, find_finished, open_run

BEFORE = "duplicates"
"""The stage whose pairs are counted before shards are compared with each other."""
COUNTED = "near_duplicates"
"""The stage whose pairs are released."""
Make = Callable[[Stage, Sequence[int]], None]


def take_enough(config: BuildConfig, run: Run, make: Make) -> BuildConfig:
    """Make shards until every task has its pairs; returns the configuration with their number,
    which is then in the run's header too.

    Adding pairs to others adds at most as many that stay, so where a task lacks some, shards are
    passed over that do not bring as many before the comparison.

    Args:
        make: brings units of a stage up to date.

    Raises:
        GateError: all openings do not suffice.
    """
    return _Search(config, run, make).end()


class _Search:
    def __init__(self, config: BuildConfig, run: Run, make: Make) -> None:
        stages = list_stages(config)
        names = [stage.name for stage in stages]
        self.alone = [*takewhile(lambda stage: not stage.whole, stages)]
        self.compared = stages[len(self.alone) : names.index(COUNTED) + 1]
        self.config, self.run, self.make = config, run, make
        self.tasks = [task.name for task in config.definitions]
        self.budget = len(contexts.list_shards(_set_shards(config, None)))
        self.made = 0
        self.before: list[Counter[str]] = []

    def end(self) -> BuildConfig:
        """The configuration at the number of shards where the search ends."""
        wanted = self.config.run.pairs
        assert wanted is not None
        taken, least = 1, dict.fromkeys(self.tasks, wanted)
        if self._is_compared():  # an earlier search came as far as this
            taken = self.config.run.shards or self.budget
            self._make_until(taken)
            least = self._lacking(taken, wanted)
        while least:
            taken = self._first_with(taken, least)
            self._write(taken)
            for stage in self.compared:
                self.make(stage, range(count_units(stage.name, self.config)))
            least = self._lacking(taken, wanted)
            if least and taken == self.budget:
                raise self._too_few(wanted)
        self._write(taken)
        return self.config

    def _is_compared(self) -> bool:
        """Whether the comparison at the header's number of shards is finished."""
        opened = open_run(self.run.folder)
        return opened.config.run.shards is not None and all(
            find_finished(opened, stage, shard) is not None
            for stage in (*self.alone, *self.compared)
            for shard in range(count_units(stage.name, opened.config))
        )

    def _first_with(self, taken: int, least: Mapping[str, int]) -> int:
        """The first number of shards, not below `taken`, with so many pairs before the comparison;
        all if there is none."""
        self._make_until(taken)
        while any(self._sum(task, taken) < least[task] for task in least):
            if taken == self.budget:
                break
            if taken == self.made:
                self._make_until(min(self.budget, taken + self._likely(least)))
            taken += 1
        return taken

    def _likely(self, least: Mapping[str, int]) -> int:
        """Shards that are likely to bring what lacks, but at most as many as there are already;
        never fewer than an engine makes at a time."""
        at_once = getattr(self.config.run.engine, "workers", None) or 1
        likely = 1
        for task, count in least.items():
            found = self._sum(task, self.made)
            lacks = count - found
            likely = max(likely, math.ceil(lacks * self.made / found) if found else self.made)
        return max(at_once, min(likely, self.made))

    def _make_until(self, end: int) -> None:
        if end <= self.made:
            return
        self._write(end)
        for stage in self.alone:
            self.make(stage, range(self.made, end))
        self.before += [count_tasks(self.run, BEFORE, n) for n in range(self.made, end)]
        self.made = end

    def _sum(self, task: str, taken: int) -> int:
        return sum(found[task] for found in self.before[:taken])

    def _lacking(self, taken: int, wanted: int) -> dict[str, int]:
        """Of tasks with too few pairs, the pairs before the comparison that could be enough."""
        kept = count_kept(self.run, self.config)
        return {
            task: self._sum(task, taken) + wanted - kept[task]
            for task in self.tasks
            if kept[task] < wanted
        }

    def _write(self, shards: int) -> None:
        """Let the run have so many shards."""
        self.config = _set_shards(self.config, shards)
        header = {**self.run.header(), "config": self.config.model_dump(mode="json")}
        if header != self.run.header():
            self.run.write_header(header)

    def _too_few(self, wanted: int) -> GateError:
        kept = count_kept(self.run, self.config)
        openings = self.config.contexts.openings
        found = ", ".join(f"{kept[task]} of {task}" for task in self.tasks)
        hint = "lower run.pairs, or "
        if all(kept[task] for task in self.tasks):
            times = max(wanted / kept[task] for task in self.tasks)
            hint += f"raise contexts.openings to {math.ceil(1.1 * times * openings)}: what is "
            hint += "made stays"
        else:
            hint += "loosen the rules: `dimsum show` says what each removed"
        return GateError(
            f"{wanted} pairs of each task were asked for, and all {openings} openings of each "
            f"domain gave {found}",
            hint=hint,
        )


def count_tasks(run: Run, stage: str, shard: int) -> Counter[str]:
    """Rows of each task in the table of a unit."""
    column = read_table(run.path(stage, shard), ["task"])["task"]
    return Counter(map(str, column.to_pylist()))


def count_kept(run: Run, config: BuildConfig, stage: str = COUNTED) -> Counter[str]:
    """Rows of each task that a stage keeps."""
    units = range(count_units(stage, config))
    return sum((count_tasks(run, stage, shard) for shard in units), Counter())


def carry_shards(config: BuildConfig, header: Mapping[str, Any]) -> BuildConfig:
    """A configuration with the shards that a run has taken, where it asks for the same pairs."""
    before = header.get("config", {}).get("run", {})
    same = config.run.pairs is not None and before.get("pairs") == config.run.pairs
    return _set_shards(config, before.get("shards") if same else None)


def open_within_budget(opened: Opened) -> Opened:
    """A run with all the shards that it may take: those whose inputs and models are looked at
    before it begins. One that has its splits will take no more."""
    if opened.config.run.pairs is None or opened.run.sidecar("splits", 0) is not None:
        return opened
    return replace(opened, config=_set_shards(opened.config, None))


def say_fewer(config: BuildConfig, run: Run, say: Callable[[str], None]) -> None:
    """Say where other rules left fewer pairs than were asked for, which only a build mends."""
    wanted = config.run.pairs
    kept = count_kept(run, config, "splits") if wanted is not None else Counter()
    few = [task.name for task in config.definitions if wanted and kept[task.name] < wanted]
    if few:
        found = ", ".join(f"{kept[name]} of {name}" for name in few)
        say(f"{wanted} pairs of each task were asked for; these shards have {found}.")


def _set_shards(config: BuildConfig, shards: int | None) -> BuildConfig:
    return config.model_copy(update={"run": config.run.model_copy(update={"shards": shards})})
