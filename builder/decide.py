"""Rules over measures: a pure function from values to a task or a reason."""

from __future__ import annotations

from collections.abc import Mapping

from builder.config import Rules
from dimsum.tasks import TASKS, Task

Values = Mapping[str, float | None]


def failing(rules: Rules, values: Values) -> list[str]:
    """Measures of `rules` that `values` does not satisfy, in the rules' order."""
    return [measure for measure, bound in rules.items() if not bound.holds(values.get(measure))]


def decide(rules: Mapping[Task, Rules], values: Values) -> tuple[Task | None, str]:
    """The first task whose rules all hold, or why none does.

    The reason names the task that came closest (the fewest failing rules, the first task on a
    tie) and its first failing rule, as `task.measure`.
    """
    closest: tuple[int, str] | None = None
    for task in TASKS:
        if task not in rules:
            continue
        failed = failing(rules[task], values)
        if not failed:
            return task, ""
        if closest is None or len(failed) < closest[0]:
            closest = (len(failed), f"{task}.{failed[0]}")
    return None, closest[1] if closest else "no_task"


def admitted(bounds: Mapping[Task, Rules], values: Values) -> dict[Task, bool]:
    """For each task, whether all its bounds hold."""
    return {task: task in bounds and not failing(bounds[task], values) for task in TASKS}
