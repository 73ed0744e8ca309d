"""The tasks of the corpus: one definition each, and where they are found by name."""

from __future__ import annotations

from dimsum.tasks.base import TaskDefinition
from dimsum.tasks.registry import task_names, task_of, tasks_of

__all__ = ["TaskDefinition", "task_names", "task_of", "tasks_of"]
