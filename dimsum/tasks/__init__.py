"""The tasks of the corpus: one definition each, and where they are found by name."""

from __future__ import annotations

from dimsum.tasks.base import TaskDefinition
from dimsum.tasks.registry import find_tasks, task_names, task_of

__all__ = ["TaskDefinition", "find_tasks", "task_names", "task_of"]
