"""Known items: pairs that are plainly valid or plainly not, to see whether a reader attends."""

from __future__ import annotations

import random
from importlib import resources

from builder.audit.key import Pair
from builder.audit.questions import PAIR_QUESTIONS
from builder.store import digest
from dimsum.data.files import rows_in


def draw_known(count: int, seed: int) -> list[Pair]:
    """Some of the shipped pairs, valid and invalid ones in turn.

    Args:
        count: at most as many as there are.
    """
    with resources.as_file(resources.files("builder.audit").joinpath("known.jsonl")) as path:
        rows = list(rows_in(path))
    random.Random(seed).shuffle(rows)
    valid = [row for row in rows if row["valid"]]
    invalid = [row for row in rows if not row["valid"]]
    turns = [row for two in zip(invalid, valid, strict=True) for row in two]
    return [
        Pair(
            id="known-" + digest([row["source"], row["target"]])[:16],
            source=row["source"],
            target=row["target"],
            task=row["task"],
            right={question.name: row[question.name] for question in PAIR_QUESTIONS},
        )
        for row in turns[:count]
    ]
