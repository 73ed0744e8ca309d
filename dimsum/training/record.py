"""What a folder says is being trained in it, so that nothing else goes on there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dimsum.errors import UsageError
from dimsum.files import write_json
from dimsum.lock import LOCK
from dimsum.models import make_public_name, resolve
from dimsum.objectives.settings import GKD, CrossEntropy
from dimsum.spec import SPEC_FILE
from dimsum.student import Student
from dimsum.training.recipe import Recipe

if TYPE_CHECKING:
    from dimsum.training.data import Prepared

RECORD = "training.json"
REFERENCES = ("critic", "held_out", "build")
"""Settings of a reward that name files or models."""
OTHERS = {
    "examples": "of other data",
    "teacher": "of another teacher",
    "reward": "with another reward",
}


def describe_identity(student: Student, recipe: Recipe, prepared: Prepared) -> dict[str, Any]:
    """What makes two trainings the same: student, settings and examples."""
    from dimsum.training.examples import hash_examples

    settings = recipe.model_dump(mode="json", exclude={"student", "language"})
    if recipe.syntax is None:  # as trainings were begun that knew no trees
        settings.pop("syntax")
    teacher = None
    if isinstance(recipe.objective, GKD):
        objective = settings["objective"]
        teacher = resolve(objective.pop("teacher")).identity
        objective["teacher_logits"] = bool(objective["teacher_logits"])
        # What is left out is so in trainings that were begun before it was a setting.
        if objective["weights"]["pass_rate"] is None:
            del objective["weights"]["pass_rate"]
        if objective["reward"] is None:
            del objective["reward"]
        else:  # `reward` below says what these name
            for name in REFERENCES:
                del objective["reward"][name]
    elif recipe.objective == CrossEntropy():  # as trainings were begun that knew no other
        settings.pop("objective")
    else:  # as trainings were begun under an earlier name
        objective = settings["objective"]
        objective["weights"] = objective.pop("weight_column")
    return {
        "student": make_public_name(recipe.student),
        "architecture": student.spec.architecture,
        "model_type": student.model.config.model_type,
        "weights": resolve(recipe.student).identity,
        "recipe": settings,
        "examples": hash_examples(prepared.train, prepared.validation),
        **({} if teacher is None else {"teacher": teacher}),
    }


def describe_objective(recipe: Recipe) -> dict[str, Any]:
    """The objective as a card may show it."""
    found: dict[str, Any] = recipe.objective.model_dump(mode="json")
    reward = found.get("reward") or {}
    for name in REFERENCES:
        if reward.get(name):
            reward[name] = make_public_name(reward[name])
    for name in ("teacher", "teacher_logits"):
        if found.get(name):
            found[name] = make_public_name(found[name])
    return found


def refuse_foreign(output: Path) -> None:
    """Refuse an output folder that holds something other than a training.

    Raises:
        UsageError: it does.
    """
    if (output / RECORD).is_file() or not output.exists():
        return
    if not output.is_dir() or any(path.name != LOCK for path in output.iterdir()):
        raise UsageError(
            f"{output} holds something that is not a training", hint="choose a new folder"
        )


def begin(output: Path, identity: dict[str, Any]) -> bool:
    """Write what is being trained, or check that it is what was begun here; False if finished.

    Raises:
        UsageError: the folder has checkpoints of another student, of other data or settings.
    """
    path = output / RECORD
    if not path.is_file():
        output.mkdir(parents=True, exist_ok=True)
        write_json(path, identity)
        return True
    try:
        before = dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path} cannot be read", hint="choose a new folder") from error
    keys = ["architecture", "model_type", "weights", "recipe", "teacher", "examples"]
    if "reward" in identity:  # not where the training is finished
        keys.append("reward")
    for key in keys:
        if before.get(key) != identity.get(key):
            other = _describe_difference(key, before, identity)
            raise UsageError(
                f"{output} holds checkpoints of another training: {other}",
                hint="choose a new folder, or go on with the settings it was begun with",
            )
    return not (output / SPEC_FILE).is_file()


def _describe_difference(key: str, before: dict[str, Any], now: dict[str, Any]) -> str:
    if key in ("architecture", "model_type"):
        return f"a {before.get('architecture')} {before.get('model_type')}, not {now['student']}"
    if key == "weights":
        return f"of {before.get('student')} with other weights"
    if key in OTHERS:
        return OTHERS[key]
    old = before.get("recipe") or {}
    names = dict.fromkeys([*now["recipe"], *old])
    other = [name for name in names if old.get(name) != now["recipe"].get(name)]
    return f"its {', '.join(other)} differed"
