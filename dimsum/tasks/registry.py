"""The tasks by name: those shipped here, installed ones, and `module:name`."""

from __future__ import annotations

from collections.abc import Iterable

from dimsum.errors import UsageError
from dimsum.plugins import import_object, installed, load_installed
from dimsum.settings import did_you_mean
from dimsum.tasks.base import TaskDefinition
from dimsum.tasks.paraphrase import PARAPHRASE
from dimsum.tasks.summary import SUMMARY

GROUP = "dimsum_plus.tasks"
"""Entry points of this group are task definitions; their names are the tasks'."""

SHIPPED: tuple[TaskDefinition, ...] = (SUMMARY, PARAPHRASE)


def task_names() -> tuple[str, ...]:
    """Names of the tasks that are shipped or installed; no package of others is imported."""
    return tuple(dict.fromkeys([*(task.name for task in SHIPPED), *installed(GROUP)]))


def task_of(reference: str) -> TaskDefinition:
    """The definition of a task: by its name, or as `module:name`.

    Raises:
        UsageError: there is none, with the nearest known name; or it cannot be loaded.
    """
    for task in SHIPPED:
        if task.name == reference:
            return task
    if ":" in reference:
        return import_object(reference, TaskDefinition)
    points = installed(GROUP)
    if reference not in points:
        known = task_names()
        raise UsageError(
            f"no task is called {reference!r}{did_you_mean(reference, known)}",
            hint=f"tasks are {', '.join(known)}; one of your own is module:name",
        )
    found = load_installed(points[reference], TaskDefinition)
    if found.name != reference:
        raise UsageError(f"the entry point {reference} holds a task that is called {found.name}")
    return found


def tasks_of(references: Iterable[str]) -> tuple[TaskDefinition, ...]:
    """Definitions that are used together, in order.

    Raises:
        UsageError: as in `task_of`; or two share a name or a control code.
    """
    found = tuple(task_of(reference) for reference in references)
    for what, names in (
        ("name", [task.name for task in found]),
        ("control code", [name for task in found for name in task.code_names]),
    ):
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"two tasks have the {what} {name!r}")
    return found
