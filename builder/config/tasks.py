"""What the tasks of a build bring into its settings: rules, bounds, measures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from builder.measures import passage
from dimsum.errors import UsageError
from dimsum.settings import suggest_word
from dimsum.tasks import TaskDefinition, find_tasks, task_names


def fill_from_tasks(document: Any) -> Any:
    """A build's document with the rules and bounds of the tasks that are built, in their order.

    A task without rules or bounds takes those of its definition; those of a task that is known
    and not built are left out, so that `tasks` alone chooses. The measures that definitions need
    are added to those that are named. Where a task takes contexts, the number of a source's
    sentences parts its pairs from those of the other tasks. What has not the shape of a build is
    returned as it is, for its faults to be named field by field.

    Raises:
        UsageError: a task that there is not, or rules or bounds of one.
    """
    if not isinstance(document, Mapping):
        return document
    pairs = document.get("pairs") or {}
    rules = document.get("rules") or {}
    bounds = (pairs.get("bounds") or {}) if isinstance(pairs, Mapping) else {}
    if not (isinstance(rules, Mapping) and isinstance(bounds, Mapping)):
        return document
    tasks = list(rules) if document.get("tasks") is None else document["tasks"]
    if not isinstance(tasks, list | tuple) or not all(isinstance(t, str) for t in tasks):
        return document
    built = find_tasks(tasks)
    refuse_unknown({**rules, **bounds}, built)
    found = dict(document)
    found["tasks"] = list(tasks)
    found["rules"] = {t.name: rules.get(t.name, t.rules) for t in built}
    if isinstance(pairs, Mapping):
        own = {t.name: bounds.get(t.name, t.bounds) for t in built}
        found["pairs"] = {**pairs, "bounds": own}
    named = document.get("measures") or []
    if isinstance(named, list | tuple):
        needed = [name for t in built for name in t.measures]
        found["measures"] = list(dict.fromkeys([*named, *needed, *_list_for_contexts(built)]))
    _part_by_sentences(found, built)
    return found


def _list_for_contexts(built: Iterable[TaskDefinition]) -> tuple[str, ...]:
    """The measure that counts sentences, where a task's source is a context."""
    return (passage.MEASURE.name,) if any(t.takes == "context" for t in built) else ()


def _part_by_sentences(document: Mapping[str, Any], built: Sequence[TaskDefinition]) -> None:
    """Let sources of one sentence be of the tasks that take one, where others take contexts."""
    if not _list_for_contexts(built):
        return
    bounds = document["pairs"]["bounds"] if isinstance(document.get("pairs"), Mapping) else {}
    for task in built:
        own = {"min": 2} if task.takes == "context" else {"max": 1}
        for rules in (document["rules"], bounds):
            if isinstance(rules.get(task.name), Mapping):
                rules[task.name] = {passage.SOURCE_SENTENCES: own, **rules[task.name]}


def refuse_unknown(names: Iterable[str], built: Iterable[TaskDefinition]) -> None:
    """Refuse rules or bounds of a task that there is not.

    Raises:
        UsageError: with the nearest known name.
    """
    own = [task.name for task in built]
    known = (*own, *(name for name in task_names() if name not in own))
    for name in names:
        if name not in known:
            raise UsageError(
                f"no task is called {name!r}{suggest_word(name, known)}",
                hint="a task of your own stands in `tasks`, as module:name",
            )
