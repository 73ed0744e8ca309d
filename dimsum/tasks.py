"""The two tasks of the corpus."""

from __future__ import annotations

from typing import Literal, get_args

Task = Literal["paraphrase", "summary"]
TASKS: tuple[Task, ...] = get_args(Task)

Method = Literal["parallel", "sequential"]
"""How a candidate was drawn: freely from the context, or under another candidate's keywords."""
