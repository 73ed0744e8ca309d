"""The lengths that control codes ask for are those that make a target one of the code."""

from __future__ import annotations

import pytest

from dimsum.controls import make_wording
from dimsum.tasks import TaskDefinition
from dimsum.tasks.base import ANY_LENGTH
from dimsum.tasks.registry import SHIPPED

SOURCE = "The old dog sleeps in the garden, and the small cat waits near the long river today."


@pytest.mark.parametrize("task", SHIPPED, ids=lambda task: task.name)
def test_a_target_has_a_code_whose_lengths_it_keeps_to(task: TaskDefinition) -> None:
    bounded = [code for code in task.codes if code.compression != ANY_LENGTH]
    for size in range(1, len(SOURCE)) if bounded else ():
        target = SOURCE[:size]
        share = size / len(SOURCE)
        if any(code.compression[0] <= share < code.compression[1] for code in bounded):
            (found,) = (
                code for code in bounded if code.name == task.control(make_wording(SOURCE, target))
            )
            assert found.compression[0] <= share < found.compression[1], (task.name, share)


def test_summaries_and_deletions_ask_for_lengths() -> None:
    asking = {t.name for t in SHIPPED if any(c.compression != ANY_LENGTH for c in t.codes)}
    assert asking == {"summary", "deletion"}
