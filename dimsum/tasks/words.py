"""Words of several tasks in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dimsum.tasks.base import TaskDefinition


def join_or(words: Sequence[str]) -> str:
    """`a`, `a or b`, `a, b or c`; each once."""
    return _join(words, "or")


def join_and(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; each once."""
    return _join(words, "and")


def _join(words: Sequence[str], last: str) -> str:
    found = list(dict.fromkeys(words))
    if len(found) < 2:
        return "".join(found)
    return f"{', '.join(found[:-1])} {last} {found[-1]}"


def group_by_source(
    tasks: Sequence[TaskDefinition],
    words: Callable[[list[TaskDefinition]], str],
    reads: Callable[[TaskDefinition], str],
) -> list[str]:
    """Words of the tasks that read the same, each followed by what that is."""
    groups: dict[str, list[TaskDefinition]] = {}
    for task in tasks:
        groups.setdefault(reads(task), []).append(task)
    return [f"{words(group)} {read}" for read, group in groups.items()]
