"""What readers are to judge: the same for every task, and what the tasks of a sheet add to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from importlib import resources

from builder.audit.questions import Kind, Question
from dimsum.tasks import TaskDefinition
from dimsum.tasks.words import join_and

FILES: dict[Kind, str] = {"pairs": "guideline.md", "comparison": "comparison.md"}
SENSE = "if the source makes sense by itself"
"""What is asked of a valid pair of every task."""


def describe_pairs(
    names: Collection[str], tasks: Mapping[str, TaskDefinition], known: Collection[str]
) -> str:
    """The guideline of pairs, as Markdown.

    Args:
        names: tasks of the pairs; those of one without a definition are judged by the questions
            alone.
        tasks: definitions by name, in the order in which they are spoken of.
        known: tasks of the pairs whose answer is known.
    """
    there = [task for name, task in tasks.items() if name in names]
    said = [task.guide or _say_there_is_no_guide(task) for task in there]
    if any(name not in tasks for name in names):
        which = "Some of the" if there else "The"
        said.append(f"{which} pairs are of no task that is defined: answer what is asked below.")
    further = {
        question: "".join(f" {t.asked[question]}" for t in there if question in t.asked)
        for question in ("faithful", "fluent", "main_point")
    }
    clauses = [SENSE, *(task.asked["valid"] for task in there if "valid" in task.asked)]
    last = f"and, {clauses[-1]}" if len(clauses) > 1 else f"and {SENSE}"
    valid = ", ".join([*clauses[:-1], last])
    text = _read("pairs").format(guide=" ".join(said), valid=valid, **further)
    return text + _say_what_is_unknown([t for t in there if t.name not in known], known)


def describe_comparison(task: TaskDefinition, question: Question | None) -> str:
    """The guideline of systems' outputs for a task, as Markdown.

    Args:
        question: the task's own.
    """
    own = f"\n- **{question.label}**: {question.words}" if question else ""
    guide = task.guide or _say_there_is_no_guide(task)
    return _read("comparison").format(guide=guide, question=own)


def _read(kind: Kind) -> str:
    return resources.files("builder.audit").joinpath(FILES[kind]).read_text("utf-8")


def _say_there_is_no_guide(task: TaskDefinition) -> str:
    meaning = f"{task.meaning[:1].lower()}{task.meaning[1:]}"
    return f"Of a **{task.noun}** no more is said than that {meaning}."


def _say_what_is_unknown(lacking: Sequence[TaskDefinition], known: Collection[str]) -> str:
    """That readers of some tasks are not watched."""
    if not lacking:
        return ""
    tasks = join_and([task.plural for task in lacking])
    said = f"of {tasks} there are none" if known else "there are none here"
    return (
        "\n## Known answers\n\nPairs whose answer is known show whether a reader attends; "
        f"{said}.\n"
    )
