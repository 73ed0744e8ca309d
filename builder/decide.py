"""Rules over measures: a pure function from columns of values to tasks and reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from builder.config import Bound, Rules

if TYPE_CHECKING:
    from builder.measures.base import Floats

Mask = np.ndarray[Any, np.dtype[np.bool_]]
Codes = np.ndarray[Any, np.dtype[np.int16]]
Values = Mapping[str, "Floats"]
"""Columns by name; NaN where a value was not measured, and no column counts as all NaN."""

NO_TASK = "no_task"
ALSO = "also_"
"""Before a task's name: a count of pairs of other tasks that its rules hold for too."""


@dataclass(frozen=True)
class Decisions:
    """What each pair is, or why it is nothing.

    Attributes:
        names: tasks, then reasons.
        codes: of each pair, its index in `names`.
        fits: for each task, the pairs that all its rules hold for.
        tasks: how many of `names` are tasks.
    """

    names: tuple[str, ...]
    codes: Codes
    fits: dict[str, Mask]
    tasks: int

    @property
    def kept(self) -> Mask:
        """Pairs that have a task."""
        return np.asarray(self.codes < self.tasks)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The names that are no task."""
        return self.names[self.tasks :]

    def count_others(self) -> dict[str, int]:
        """Pairs of the task that was decided for that satisfy another one too, by the other."""
        found = {}
        for index, (name, fits) in enumerate(self.fits.items()):
            if others := int((fits & self.kept & (self.codes != index)).sum()):
                found[name] = others
        return found

    def counts(self) -> dict[str, int]:
        """Pairs by task or reason, where there are any."""
        found = np.bincount(self.codes, minlength=len(self.names)).tolist()
        return {name: n for name, n in zip(self.names, found, strict=True) if n}


def holds(bound: Bound, values: Floats) -> Mask:
    """Whether values lie in a bound; what was not measured does not."""
    return np.asarray((values >= bound.lowest) & (values <= bound.highest))


def decide(rules: Mapping[str, Rules], values: Values, count: int) -> Decisions:
    """The first task whose rules all hold, or why none does.

    The reason names the task that came closest (the fewest failing rules, the first task on a
    tie) and its first failing rule, as `task.measure`.

    Args:
        rules: of each task, in the order in which tasks are tried.
        count: of pairs.
    """
    tasks = list(rules)
    names: list[str] = [*tasks, *(f"{t}.{measure}" for t in tasks for measure in rules[t]), NO_TASK]
    codes = np.full(count, len(names) - 1, dtype=np.int16)
    fewest = np.full(count, np.iinfo(np.int16).max, dtype=np.int16)
    fits = {}
    reasons = len(tasks)
    for index, task in enumerate(tasks):
        failed, first = _count_failures(rules[task], values, count)
        fits[task] = failed == 0
        outcome = np.where(fits[task], index, reasons + first)
        closer = failed < fewest
        codes[closer] = outcome[closer]
        fewest[closer] = failed[closer]
        reasons += len(rules[task])
    return Decisions(tuple(names), codes, fits, len(tasks))


def _count_failures(rules: Rules, values: Values, count: int) -> tuple[Codes, Codes]:
    """How many rules fail for each pair, and the index of the first; 0 where none does."""
    failed = np.zeros(count, dtype=np.int16)
    first = np.zeros(count, dtype=np.int16)
    for index, (measure, bound) in reversed(list(enumerate(rules.items()))):
        fails = ~holds(bound, values[measure]) if measure in values else np.ones(count, dtype=bool)
        failed += fails
        first[fails] = index
    return failed, first
