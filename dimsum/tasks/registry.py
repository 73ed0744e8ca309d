"""The tasks by name."""

from __future__ import annotations

from collections.abc import Iterable

from dimsum.errors import UsageError
from dimsum.plugins import Plugins, expect_instance
from dimsum.tasks.base import TaskDefinition
from dimsum.tasks.deletion import DELETION
from dimsum.tasks.paragraph_summary import PARAGRAPH_SUMMARY
from dimsum.tasks.paraphrase import PARAPHRASE
from dimsum.tasks.simplification import SIMPLIFICATION
from dimsum.tasks.summary import SUMMARY

DEFAULT: tuple[TaskDefinition, ...] = (SUMMARY, PARAPHRASE)
"""Of the paper: taken where a training or a table names no task."""
FURTHER: tuple[TaskDefinition, ...] = (PARAGRAPH_SUMMARY, SIMPLIFICATION, DELETION)
"""Each has a preset of a build under its own name."""
SHIPPED: tuple[TaskDefinition, ...] = (*DEFAULT, *FURTHER)


TASKS = Plugins("task", expect_instance(TaskDefinition), {task.name: task for task in SHIPPED})

task_names = TASKS.names
task_of = TASKS.find


def find_tasks(references: Iterable[str]) -> tuple[TaskDefinition, ...]:
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
                raise UsageError(
                    f"two tasks have the {what} {name!r}", hint="give one of them another name"
                )
    return found
