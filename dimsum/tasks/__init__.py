"""The tasks of the corpus: one definition each, and where they are found by name."""

from __future__ import annotations

from typing import Literal

from dimsum.tasks.base import TaskDefinition
from dimsum.tasks.registry import task_names, task_of, tasks_of

__all__ = ["TaskDefinition", "task_names", "task_of", "tasks_of"]

Method = Literal["parallel", "sequential"]
"""How a candidate was drawn: freely from the context, or under another candidate's keywords."""
