"""What a sheet says of its tasks comes from their definitions."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from builder.audit.draw import compare
from builder.audit.guideline import describe_comparison, describe_pairs
from builder.audit.key import Key
from builder.audit.known import draw_known
from builder.audit.questions import find_question
from dimsum.tasks.base import KnownPair, TaskDefinition
from dimsum.tasks.registry import DEFAULT, SHIPPED
from tests.builder.audit.corpora import write_lines
from tests.tasks.headline import HEADLINE


def guideline(*tasks: TaskDefinition, further: tuple[str, ...] = ()) -> str:
    """Of pairs of some tasks, all whose definitions have known pairs being watched."""
    by_name = {task.name: task for task in tasks}
    return describe_pairs({*by_name, *further}, by_name, {t.name for t in tasks if t.known})


def test_readers_of_the_papers_tasks_read_what_they_always_read() -> None:
    """Answers under this guideline are in the docs: its sentences stay as they were."""
    text = guideline(*DEFAULT)
    for line in (
        "You see a source and a target that a machine wrote. A **summary** should state the main "
        "point of its source in fewer words. A **paraphrase** should say the same as its source, "
        "in other words. Judge what is written, not what may be true in the world: ",
        "\n\nYes if everything that the target states is stated in the source or follows from it "
        "with certainty. In a paraphrase the source must follow from the target as well.\n\n",
        "\n\nYes if the target is one whole, grammatical sentence that can stand alone.\n\n",
        "\n\nYes if the target keeps what the source is about. In a summary: not a side remark, "
        'and not what is left when the point is gone ("They are not only a club" for "They are '
        'not only a club, they are a family").\n\n',
        "\n\nYes if all three are, if the source makes sense by itself, and, for a paraphrase, if "
        "the wording differs noticeably. You would be content to find this pair in a published "
        "dataset that claims high quality.\n",
    ):
        assert line in text
    assert text.endswith("that claims high quality.\n") and "{" not in text


@pytest.mark.parametrize("task", SHIPPED, ids=lambda task: task.name)
def test_a_sheet_speaks_of_its_task_and_of_no_other(task: TaskDefinition) -> None:
    text = guideline(task)
    assert task.guide and task.guide in text
    assert all(words in text for words in task.asked.values())
    others = [one for one in SHIPPED if one is not task]
    for other in others:
        assert other.guide not in text
        assert not any(words in text for words in other.asked.values())
    assert "known" not in text and "no task" not in text


def test_a_task_without_words_is_said_to_have_none() -> None:
    text = guideline(HEADLINE)
    assert "Of a **headline** no more is said than that the target could stand above" in text
    assert text.endswith("whether a reader attends; there are none here.\n")
    assert "if the source makes sense by itself." in text
    text = guideline(HEADLINE, *DEFAULT)
    assert text.endswith("whether a reader attends; of headlines there are none.\n")
    own = replace(
        HEADLINE,
        guide="A **headline** should tempt.",
        asked={"fluent": "A headline may lack its verb.", "valid": "for a headline, if it tempts"},
        known=(KnownPair("A dog bit a man.", "Dog bites man"),),
    )
    text = guideline(own)
    assert "wrote. A **headline** should tempt. Judge" in text
    assert "that can stand alone. A headline may lack its verb.\n" in text
    assert "if the source makes sense by itself, and, for a headline, if it tempts." in text
    assert "known" not in text and "no more is said" not in text


def test_pairs_of_no_defined_task_are_judged_by_what_is_asked() -> None:
    assert "The pairs are of no task that is defined: answer what is asked" in guideline(
        further=("7",)
    )
    assert "Some of the pairs are of no task that is defined" in guideline(*DEFAULT, further=("",))


@pytest.mark.parametrize("count", [1, 5, 8, 10])
def test_known_pairs_are_of_the_tasks_that_are_judged_in_turn(count: int) -> None:
    for tasks in (SHIPPED, DEFAULT, SHIPPED[3:4], (HEADLINE, *DEFAULT)):
        drawn = draw_known(count, 3, tasks)
        assert (
            len(drawn)
            == len({pair.id for pair in drawn})
            == min(count, sum(len(task.known) for task in tasks))
        )
        having = [task.name for task in tasks if task.known]
        each = Counter(pair.task for pair in drawn)
        assert max(each.values()) - min(each[name] for name in having) <= 1
        valid = sum(pair.right["valid"] for pair in drawn if pair.right)
        assert abs(valid - count / 2) <= 1
    assert draw_known(8, 3, (HEADLINE,)) == []
    assert draw_known(8, 3, SHIPPED) != draw_known(8, 4, SHIPPED)


@pytest.mark.parametrize("task", SHIPPED, ids=lambda task: task.name)
def test_each_shipped_task_has_known_pairs_of_both_kinds(task: TaskDefinition) -> None:
    kinds = Counter(pair.valid for pair in task.known)
    assert kinds[True] >= 3 and kinds[False] >= 3
    assert len({(pair.source, pair.target) for pair in task.known}) == len(task.known)


def test_a_definition_whose_words_fit_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="'concise' is no question"):
        replace(HEADLINE, asked={"concise": "Short."})
    with pytest.raises(ValueError, match="known to be valid and to have a fault"):
        KnownPair("A dog bit a man.", "A man bit a dog.", faithful=False)


def test_outputs_for_a_task_of_ones_own_are_asked_its_question(tmp_path: Path) -> None:
    rows = [{"source": f"S {i}.", "outputs": {"a": f"A {i}.", "b": f"B {i}."}} for i in range(4)]
    file = write_lines(tmp_path / "outputs.jsonl", rows)
    key = compare([file], tmp_path / "own", task="tests.tasks.headline:HEADLINE")
    assert key.questions == ("fluent", "faithful")
    assert "no more is said than" in (tmp_path / "own/guideline.md").read_text()
    key = compare([file], tmp_path / "asked", task="tests.builder.audit.test_guideline:TEMPTING")
    assert Key.read(tmp_path / "asked").questions == key.questions
    assert key.questions == ("fluent", "faithful", "tempting")
    assert "- **Tempting**: Do you read on?" in (tmp_path / "asked/guideline.md").read_text()


TEMPTING = replace(HEADLINE, question=("tempting", "Tempting", "Do you read on?"))


@pytest.mark.parametrize("task", SHIPPED, ids=lambda task: task.name)
def test_a_comparison_speaks_of_the_task_that_systems_were_asked_for(task: TaskDefinition) -> None:
    text = describe_comparison(task, find_question(task))
    assert task.guide in text and task.question is not None
    assert f"- **{task.question[1]}**: {task.question[2]}\n" in text
    labels = {one.question[1] for one in SHIPPED if one.question} - {task.question[1]}
    assert not any(f"**{label}**" in text for label in labels)
