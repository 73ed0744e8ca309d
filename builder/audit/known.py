"""Known items: pairs that are plainly valid or plainly not, to see whether a reader attends."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import chain, zip_longest

from builder.audit.key import Pair
from builder.store import digest
from dimsum.tasks import TaskDefinition
from dimsum.tasks.base import QUESTIONS


def draw_known(count: int, seed: int, tasks: Sequence[TaskDefinition]) -> list[Pair]:
    """Some of the known pairs of each task in turn, valid and invalid ones in turn.

    Args:
        count: at most as many as there are.
        tasks: of the pairs that are judged; one whose definition has no known pair gives none.
    """
    rng = random.Random(seed)
    each = [_take_turns(task, rng, valid=index % 2 == 1) for index, task in enumerate(tasks)]
    rows = [row for row in chain(*zip_longest(*each)) if row is not None]
    return rows[:count]


def _take_turns(task: TaskDefinition, rng: random.Random, *, valid: bool) -> list[Pair]:
    """The known pairs of a task, the first of them valid or not."""
    known = rng.sample(task.known, len(task.known))
    first = [one for one in known if one.valid == valid]
    second = [one for one in known if one.valid != valid]
    turns = (one for one in chain(*zip_longest(first, second)) if one is not None)
    return [
        Pair(
            id="known-" + digest([one.source, one.target])[:16],
            source=one.source,
            target=one.target,
            task=task.name,
            right={question: getattr(one, question) for question in QUESTIONS},
        )
        for one in turns
    ]


def find_lacking_known(pairs: Sequence[Pair]) -> list[str]:
    """Tasks of judged pairs of which no known pair is among them, in words."""
    watched = {pair.task for pair in pairs if pair.right is not None}
    lacking = {pair.task for pair in pairs if pair.right is None} - watched
    return sorted(task or "no task" for task in lacking)
