"""Systems of one length: what a student writes where it is as short as another system is.

Overlap with a reference grows with how much of the source an output keeps, so two systems are also
compared where they keep equally much. A student with control codes writes under each of them, and
of each source that output is taken whose length is nearest to the other system's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dimsum.tasks import TaskDefinition
from dimsum.writing import BATCH_SIZE

if TYPE_CHECKING:
    from dimsum.student import Student


def write_all_codes(
    student: Student,
    sources: Sequence[str],
    task: TaskDefinition,
    *,
    batch_size: int = BATCH_SIZE,
) -> list[list[str]]:
    """What a student writes for each source under each code of a task that it knows."""
    known = {code.name for code in task.codes}
    codes = [code for code in student.spec.codes if code in known]
    written = [student.write(sources, code, batch_size=batch_size) for code in codes]
    return [[texts[i][0] for texts in written] for i in range(len(sources))]


def nearest_in_length(choices: Sequence[Sequence[str]], others: Sequence[str]) -> list[str]:
    """Of each source's outputs the one whose characters are nearest to the other system's output.

    Args:
        choices: a source's outputs, at least one; of equally near ones the first is taken.
        others: the other system's output for each source.
    """
    return [
        min(some, key=lambda text: abs(len(text) - len(other)))
        for some, other in zip(choices, others, strict=True)
    ]
