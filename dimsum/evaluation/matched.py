"""Systems of one length: what a student writes where it is as short as another system is.

Overlap with a reference grows with how much of the source an output keeps, so two systems are also
compared where they keep equally much. A student with control codes writes under each of them, and
of each source that output is taken whose length is nearest to the other system's.
"""

from __future__ import annotations

from collections.abc import Sequence


def choose_nearest_in_length(choices: Sequence[Sequence[str]], others: Sequence[str]) -> list[str]:
    """Of each source's outputs the one whose characters are nearest to the other system's output.

    Args:
        choices: a source's outputs, at least one; of equally near ones the first is taken.
        others: the other system's output for each source.
    """
    return [
        min(some, key=lambda text: abs(len(text) - len(other)))
        for some, other in zip(choices, others, strict=True)
    ]
