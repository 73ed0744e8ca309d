"""A task's definition tried on pairs given by hand, before any model runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from builder.config import Bound
from builder.decide import holds
from builder.errors import ConfigError
from builder.measures.base import Batch
from builder.measures.registry import MEASURES, SHIPPED
from dimsum.controls import make_wording
from dimsum.settings import suggest_word
from dimsum.tasks import TaskDefinition, task_names, task_of
from dimsum.tasks.base import can_be_named


@dataclass(frozen=True)
class Tried:
    """A pair and what the definition says of it.

    Attributes:
        control: its control code.
        failed: rules that do not hold, each with the pair's value.
        also: other tasks whose tried rules all hold.
    """

    source: str
    target: str
    control: str
    failed: dict[str, float]
    also: tuple[str, ...]

    @property
    def passes(self) -> bool:
        """Whether every rule that could be tried holds."""
        return not self.failed


@dataclass(frozen=True)
class Check:
    """A definition on all pairs.

    Attributes:
        rules: (lower, upper) end and how many pairs pass, of each rule that could be tried.
        untried: rules that need the critic or the encoder of a build.
    """

    task: str
    pairs: list[Tried]
    rules: dict[str, tuple[float | None, float | None, int]]
    untried: list[str]

    def as_json(self) -> dict[str, Any]:
        """A JSON-able mapping."""
        return {
            "task": self.task,
            "pairs": [
                {
                    "source": one.source,
                    "target": one.target,
                    "control": one.control,
                    "passes": one.passes,
                    "failed": one.failed,
                    "also": list(one.also),
                }
                for one in self.pairs
            ],
            "rules": {
                name: {"min": low, "max": high, "passed": passed}
                for name, (low, high, passed) in self.rules.items()
            },
            "untried": self.untried,
        }


def check_task(
    reference: str, pairs: Sequence[tuple[str, str]], further: Sequence[str] = ()
) -> Check:
    """Try the rules of a task that need no model on pairs.

    Args:
        reference: a task's name, or `module:name`; modules in the working directory are found.
        pairs: source and target.
        further: tasks of the same build; a pair that satisfies two is taken for the first.

    Raises:
        UsageError: no such task.
        ConfigError: a definition without rules, or with a measure that nobody registered.
    """
    _see_working_directory()
    task = task_of(reference)
    if not task.rules:
        raise ConfigError(
            f"the task {task.name} has no rules: it would take every pair",
            hint="give its definition `rules`, such as {'compression': {'max': 0.8}}",
        )
    values = _measure(task, pairs)
    passes = _find_holding(task, values)
    others = {}
    for name in further:
        other = task_of(name)
        found = _find_holding(other, _measure(other, pairs))
        others[other.name] = np.all([*found.values(), np.ones(len(pairs), bool)], axis=0)
    tried = []
    for index, (source, target) in enumerate(pairs):
        failed = {n: float(values[n][index]) for n, held in passes.items() if not held[index]}
        also = tuple(name for name, held in others.items() if held[index])
        control = task.control(make_wording(source, target))
        tried.append(Tried(source, target, control, failed, also))
    return Check(
        task=task.name,
        pairs=tried,
        rules={
            name: (ends.get("min"), ends.get("max"), int(passes[name].sum()))
            for name, ends in task.rules.items()
            if name in passes
        },
        untried=[name for name in task.rules if name not in passes],
    )


def _see_working_directory() -> None:
    """A task that is being written lies here more often than in a package."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
        importlib.invalidate_caches()


def _measure(task: TaskDefinition, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Columns that rules and bounds of a task name, of the measures that need the texts alone."""
    own = (MEASURES.find(reference) for reference in task.measures)
    known = {c.name: m for m in (*SHIPPED.values(), *own) for c in m.columns}
    asked = dict.fromkeys([*task.rules, *task.bounds])
    for name in asked:
        if name not in known:
            raise ConfigError(
                f"the task {task.name} names the measure {name!r}, which nobody registered"
                f"{suggest_word(name, known)}",
                hint="name a measure of your own in its `measures`, as module:name",
            )
    batch = Batch.of_texts([source for source, _ in pairs], [target for _, target in pairs])
    found: dict[str, Any] = {}
    for measure in {id(m): m for m in (known[name] for name in asked)}.values():
        if measure.cost == "cheap":
            found |= measure.of(batch)
    return {name: found[name] for name in asked if name in found}


def _find_holding(task: TaskDefinition, values: Mapping[str, Any]) -> dict[str, Any]:
    """Which pairs each rule holds for, of the rules that were measured."""
    return {
        name: holds(Bound.model_validate(dict(ends)), values[name])
        for name, ends in task.rules.items()
        if name in values
    }


TEMPLATE = '''"""A task of one's own: what a pair's target is to its source.

Try it on pairs given by hand: dimsum task check {module}:{constant} PAIRS.jsonl
Build it: tasks: ["{module}:{constant}"] in the YAML, this file being installed or on PYTHONPATH.
"""

from __future__ import annotations

from dimsum.tasks.base import ControlCode, HubWords, TaskDefinition

{constant} = TaskDefinition(
    name="{name}",  # in columns, files and settings
    noun="{words}",  # one target, in the words of a card
    plural="{words}s",
    verb="write",  # what a student does to its source: "to write a sentence"
    verbs="writes",
    meaning="The target is a {words} of its source",  # for the card's table
    # What a pair must satisfy; `dimsum doctor` and docs/data.md name the measures.
    rules={{
        "compression": {{"min": 0.1, "max": 0.8}},  # characters of the target over the source's
        "numbers_forward": {{"min": 1}},  # share of the target's numbers that the source has
        "entail_forward": {{"min": 0.75}},  # the critic's P(source entails target)
    }},
    # Wider ends of the cheap measures: pairs beyond them are never read by the critic.
    bounds={{"compression": {{"min": 0.1, "max": 0.85}}}},
    measures=(),  # that rules name, of those not always taken; your own: "module:name"
    directions=("forward",),  # of entailment; ("forward", "backward") where both must hold
    # Kinds of target that a user may ask for; with several, `code_of` says which one a pair is.
    codes=(ControlCode("{name}", "a {words}", "Write a {words} of the sentence."),),
    instruction="Write a {words} of the sentence.",  # to a student without control codes
    hub=HubWords(  # what the Hub calls it
        category="text-generation",
        pipeline="text-generation",
        data_tag="{tag}",
        model_tag="{tag}",
    ),
    colours=("#5b3fa0", "#b8a4ea"),  # of plots, on light and dark pages
    # For readers of `dimsum audit`: what a target should be, and pairs whose answer is known, such
    # as KnownPair("A source.", "A target.", faithful=False, valid=False). Both may be left out.
    guide="A **{words}** should be a {words} of its source.",
    known=(),
)
'''


def _is_another_module(name: str, file: Path) -> bool:
    try:
        found = find_spec(name)
    except ValueError:  # a module that runs and was not imported
        return True
    return found is not None and (not found.origin or Path(found.origin) != file.resolve())


def write_definition(name: str, file: Path) -> str:
    """A commented definition to start from.

    Raises:
        ConfigError: a name that cannot be a task's, or a file whose name is no module's.
    """
    module = file.stem
    if not can_be_named(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a task",
            hint="small letters a to z, digits, underscores; a letter comes first",
        )
    if name in task_names():
        raise ConfigError(
            f"there is a task {name!r}, of which a build would have two", hint="choose another name"
        )
    if not module.isidentifier() or file.suffix != ".py":
        raise ConfigError(f"{file} cannot be imported", hint="a name such as my_tasks.py")
    if _is_another_module(module, file):
        raise ConfigError(
            f"there is a module {module!r}, which Python would find instead of {file}",
            hint="choose another --output, such as my_tasks.py",
        )
    return TEMPLATE.format(
        name=name,
        constant=name.upper(),
        words=name.replace("_", " "),
        tag=name.replace("_", "-"),
        module=module,
    )
