"""Tasks by name: the shipped ones, installed ones, `module:name`, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

import dimsum.plugins
from dimsum.errors import UsageError
from dimsum.tasks import find_tasks, task_names, task_of
from dimsum.tasks.base import ControlCode, Wording
from dimsum.tasks.registry import TASKS
from dimsum.tasks.summary import SUMMARY
from tests.tasks.headline import HEADLINE

NAMED = "tests.tasks.headline:HEADLINE"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets packages of others be installed."""

    def install(**values: str) -> None:
        points = EntryPoints(EntryPoint(name, value, TASKS.group) for name, value in values.items())
        monkeypatch.setattr(
            dimsum.plugins, "entry_points", lambda group: points.select(group=group)
        )

    return install


def test_shipped_tasks_are_found_by_name() -> None:
    further = {"paragraph_summary", "simplification", "deletion"}
    assert set(task_names()) == {"paraphrase", "summary", *further}
    for name in task_names():
        assert task_of(name).name == name


def test_a_task_is_found_by_module_and_name() -> None:
    assert task_of(NAMED) is HEADLINE
    assert [task.name for task in find_tasks(["paraphrase", NAMED])] == ["paraphrase", "headline"]


def test_an_installed_task_is_found_by_its_name(installed: Any) -> None:
    installed(headline=NAMED, broken="tests.tasks.nowhere:TASK")
    assert task_names()[-2:] == ("broken", "headline")
    assert task_of("headline") is HEADLINE
    with pytest.raises(UsageError, match="broken"):
        task_of("broken")


def test_an_entry_point_carries_the_name_of_its_task(installed: Any) -> None:
    installed(titles=NAMED)
    with pytest.raises(UsageError, match="called headline"):
        task_of("titles")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("sumary", "did you mean 'summary'"),
        ("headline", "no task is called 'headline'"),
        ("tests.tasks.nowhere:TASK", "cannot be imported"),
        ("tests.tasks.headline:TITLE", "cannot be imported"),
        (":HEADLINE", "cannot be imported"),
        ("dimsum.tasks.summary:SHORT_BELOW", "is a float, not a TaskDefinition"),
    ],
)
def test_what_is_no_task_is_refused(reference: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        task_of(reference)


def test_tasks_that_clash_are_refused() -> None:
    with pytest.raises(UsageError, match="two tasks have the name 'headline'"):
        find_tasks([NAMED, NAMED])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "Head line"}, "cannot be the name"),
        ({"name": "default"}, "cannot be the name"),
        ({"codes": ()}, "needs a direction and a control code"),
        ({"directions": ()}, "needs a direction and a control code"),
        ({"code_of": None}, "no code_of"),
        ({"options": ()}, "has no option size=tiny"),
        ({"codes": (HEADLINE.codes[0], HEADLINE.codes[0])}, "two control codes of one name"),
        (
            {"codes": (ControlCode("x", "x", "x", {"size": "huge"}), HEADLINE.codes[0])},
            "has no option size=huge",
        ),
    ],
)
def test_a_definition_that_contradicts_itself_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        replace(HEADLINE, **changes)


def test_a_code_that_the_task_does_not_have_is_an_error() -> None:
    wrong = replace(HEADLINE, code_of=lambda pair: "short-abstractive")
    with pytest.raises(UsageError, match="no control code of the task headline"):
        wrong.control(Wording("A cat sat.", "Cat", 0.3, 0.0, 0.4))


def test_the_shipped_tasks_can_be_used_together() -> None:
    assert len(find_tasks(task_names())) == 5


def test_codes_of_the_shipped_tasks_take_their_options_from_their_names() -> None:
    for code in SUMMARY.codes:
        assert "-".join(code.options[option.name] for option in SUMMARY.options) == code.name
