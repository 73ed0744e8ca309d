"""The colours of pictures and page, by name, for light and dark."""

from __future__ import annotations

from collections.abc import Iterable

from dimsum.tasks import TaskDefinition

LIGHT = {
    "paper": "#fbfaf8",
    "ink": "#1c2127",
    "soft": "#59636e",
    "line": "#d5d9de",
    "accent": "#1d6f8c",
    "second": "#c4561b",
    "kept": "#2b7a4b",
    "gone": "#c9ced4",
}
DARK = {
    "paper": "#15191d",
    "ink": "#e7eaed",
    "soft": "#9ba6b1",
    "line": "#333c45",
    "accent": "#5cb6d6",
    "second": "#f2995a",
    "kept": "#62bd87",
    "gone": "#4a545e",
}


def format_stylesheet(colours: dict[str, str]) -> str:
    """CSS custom properties of a palette."""
    return " ".join(f"--{name}: {value};" for name, value in colours.items())


def list_task_colours(tasks: Iterable[TaskDefinition], *, dark: bool = False) -> dict[str, str]:
    """The colour of each task by the name of its custom property, task-NAME."""
    return {f"task-{task.name}": task.colours[dark] for task in tasks}
