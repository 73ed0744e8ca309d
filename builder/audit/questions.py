"""What readers are asked, by kind of sheet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dimsum.tasks import TaskDefinition, task_names, task_of

Kind = Literal["pairs", "comparison"]
VALID = "valid"


@dataclass(frozen=True, slots=True)
class Question:
    """A question.

    Attributes:
        name: under which answers are kept.
        label: as a reader sees it.
        words: the question in one line.
    """

    name: str
    label: str
    words: str


PAIR_QUESTIONS = (
    Question("faithful", "Faithful", "Does all that the target states follow from the source?"),
    Question("fluent", "Fluent", "Is the target one whole sentence that can stand alone?"),
    Question("main_point", "Main point", "Does the target keep what the source is about?"),
    Question(VALID, "Valid", "Would you be content to find this pair in a dataset of quality?"),
)
"""Of one pair, answered yes or no. A pair is valid only if the first three are yes as well."""

_FLUENT = Question("fluent", "Fluent", "Is it a grammatical sentence that reads well?")
_FAITHFUL = Question("faithful", "Faithful", "Does all that it states follow from the source?")
POINTS = (1, 2, 3)


def find_question(task: TaskDefinition) -> Question | None:
    """What is asked of outputs for a task alone."""
    return Question(*task.question) if task.question else None


def list_comparison_questions(task: str, own: Question | None = None) -> tuple[Question, ...]:
    """Of one output, answered 1 to 3: the human evaluation of arXiv 2305.16635, Tables 3 and 5.

    A task that has no question of its own is asked the first two.

    Args:
        own: the task's own; of a task known by its name it need not be given.
    """
    if own is None and task in task_names():
        own = find_question(task_of(task))
    return (_FLUENT, _FAITHFUL, *([own] if own else []))
