"""Options of commands that write for a task: which one, and what of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from dimsum.errors import UsageError
from dimsum.tasks import TaskDefinition, task_names, task_of
from dimsum.tasks.registry import SHIPPED
from dimsum.tasks.words import join_and, join_or
from dimsum.writing import BATCH_SIZE, DIFFERENCE, VALIDITY

F = TypeVar("F", bound=Callable[..., Any])


class TaskName(click.ParamType[TaskDefinition]):
    """A task's name, or `module:name`."""

    name = "task"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """The names there are."""
        return f"[{'|'.join(task_names())}]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> TaskDefinition:
        """The definition."""
        if isinstance(value, TaskDefinition):
            return value
        try:
            return task_of(value)
        except UsageError as error:
            self.fail(f"{error.message}; {error.hint}" if error.hint else error.message, param, ctx)


def add_task_options(command: F) -> F:
    """Adds --task, an option for each option of the shipped tasks, and --option for all others."""
    return _add(command, required=True)


def add_optional_task_options(command: F) -> F:
    """As `add_task_options`, where --task may be left out."""
    return _add(command, required=False)


def _add(command: F, *, required: bool) -> F:
    command = click.option(
        "--option",
        "further",
        multiple=True,
        metavar="NAME=VALUE",
        help="An option of another task.",
    )(command)
    for name, words in reversed(_list_shipped_options().items()):
        command = click.option(f"--{name}", help=words)(command)
    return click.option(
        "--task", type=TaskName(), required=required, help="What is to be written."
    )(command)


def _list_shipped_options() -> dict[str, str]:
    """The options of the shipped tasks by name, and what each is in words; tasks may share one."""
    tasks: dict[str, list[str]] = {}
    values: dict[str, list[str]] = {}
    for task in SHIPPED:
        for option in task.options:
            tasks.setdefault(option.name, []).append(task.name)
            values.setdefault(option.name, []).extend(option.values)
    return {name: f"Of {join_and(tasks[name])}: {join_or(values[name])}." for name in tasks}


def add_rerank_by(command: F) -> F:
    """Adds --rerank-by, what the choice among several outputs goes by."""
    option = click.option(
        "--rerank-by",
        type=click.Choice([VALIDITY, DIFFERENCE]),
        default=VALIDITY,
        show_default=True,
        help="Of --rerank: entailment times P(valid), or times what is not shared with the source.",
    )
    return option(command)


def add_writing_options(command: F) -> F:
    """Adds --batch-size, --device and --dtype of what writes."""
    for option in (
        click.option(
            "--dtype",
            type=click.Choice(["auto", "float32", "bfloat16"]),
            default="auto",
            show_default=True,
            help="Of the models; auto: bfloat16 where this machine is faster at it.",
        ),
        click.option("--device", help="cuda, mps or cpu; the best there is by default."),
        click.option(
            "--batch-size",
            default=BATCH_SIZE,
            type=click.IntRange(min=1),
            show_default=True,
            help="Outputs written together.",
        ),
    ):
        command = option(command)
    return command


def take_chosen_options(task: TaskDefinition, given: dict[str, Any]) -> dict[str, str]:
    """Takes what `add_task_options` added, but for the task, out of a command's arguments.

    Raises:
        UsageError: an option or a value that the task does not have.
    """
    asked = {name: given.pop(name) for name in _list_shipped_options()}
    for text in given.pop("further"):
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(
                f"--option {text!r} is not of the form NAME=VALUE", hint="such as length=short"
            )
        asked[name] = value
    return task.check_options(asked)
