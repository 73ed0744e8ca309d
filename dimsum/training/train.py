"""A dataset and a model become a student.

OUTPUT/training.json       what is being trained, written first
OUTPUT/checkpoints/        weights, optimiser, schedule, chance: a training goes on from here
OUTPUT/model.safetensors   the student, opened by plain transformers too
OUTPUT/student.json        prompts, codes, facts; written last, so a folder with it is whole

What can be refused without torch is refused here, before `dimsum.training.fit` is imported.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dimsum.files import name_full_folder
from dimsum.hub import find_models
from dimsum.lock import hold
from dimsum.objectives.settings import GKD
from dimsum.pairs import Data, check_data
from dimsum.training.recipe import Recipe
from dimsum.training.record import refuse_foreign

if TYPE_CHECKING:
    from dimsum.student import Student
    from dimsum.training.rewards import OpenJudge


def train(
    data: Data,
    recipe: Recipe,
    output: Path,
    *,
    device: str | None = None,
    quiet: bool = True,
    say: Callable[[str], None] = lambda line: None,
    callbacks: Sequence[Any] = (),
    open_judge: OpenJudge | None = None,
) -> Student:
    """Train a student, or go on with a training that was interrupted.

    Args:
        output: a new or empty folder, or one in which this very training was begun.
        callbacks: transformers' TrainerCallbacks, for tests and tools of one's own.
        open_judge: opens what a reward names, as docs/distillation.md has it.

    Raises:
        UsageError: no data, missing columns, float16 for a T5, a student of another prompt format,
            a teacher or a reward that teaches nothing, or an output folder that holds something
            else; nothing is overwritten.
        ModelError: the model cannot be loaded.
        Busy: another training is at work in the folder.
        DimsumError: the folder cannot be written, or its disk is full.
    """
    refuse_foreign(output)
    # Of processes that train together the first holds the folder for all.
    alone = os.environ.get("RANK", "0") == "0"
    with hold(output, "training") if alone else nullcontext(), name_full_folder(output):
        check_data(data.reference, recipe.columns(data.columns), data.config, recipe.definitions)
        find_models(*list_models(recipe))
        from dimsum.training.fit import fit

        return fit(data, recipe, output, device, quiet, say, callbacks, open_judge)


def list_models(recipe: Recipe) -> list[str | None]:
    """References of all models that a training loads."""
    objective = recipe.objective
    if not isinstance(objective, GKD):
        return [recipe.student]
    teacher = None if objective.teacher_logits else objective.teacher
    reward = objective.reward
    return [recipe.student, teacher, *((reward.critic, reward.held_out) if reward else ())]
