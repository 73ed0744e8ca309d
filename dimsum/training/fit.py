"""The training itself: from pairs and a loaded student to what lies in its folder."""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import torch

from dimsum.card import write_card
from dimsum.cpu import use_explicit_attention
from dimsum.devices import pick_device, pick_dtype
from dimsum.files import write_json
from dimsum.memory import give_back
from dimsum.models import hush_transformers, make_public_name, resolve
from dimsum.pairs import Data
from dimsum.spec import SPEC_FILE
from dimsum.student import Student
from dimsum.training.checkpoints import Sums, find_last_checkpoint
from dimsum.training.data import Prepared, count_codes, describe_data, fit_prompts, prepare
from dimsum.training.examples import Collator
from dimsum.training.lora import add_lora
from dimsum.training.monitor import StopWhenParted
from dimsum.training.progress import ProgressLine
from dimsum.training.recipe import Recipe, check_precision
from dimsum.training.record import begin, describe_identity, describe_objective
from dimsum.training.rewards import OpenJudge, Rewards, open_reward, open_rewards
from dimsum.training.targets import write_targets
from dimsum.training.teacher import Teacher, load_teacher, prepare_teacher
from dimsum.training.teacher_logits import CachedTeacher

LOG = "training_log.json"
CHECKPOINTS = "checkpoints"
LIBRARIES = ("dimsum-plus", "torch", "transformers", "accelerate", "peft")


def fit(
    data: Data,
    recipe: Recipe,
    output: Path,
    device: str | None,
    quiet: bool,
    say: Callable[[str], None],
    callbacks: Sequence[Any],
    open_judge: OpenJudge | None,
) -> Student:
    """Train in a folder that is held, as `dimsum.training.train.train` says."""
    where = pick_device(device)
    _train(data, recipe, output, where, quiet, say, callbacks, open_judge)
    # What it loaded went with its names, before the student is read from its folder.
    gc.collect()
    give_back(where)
    return Student.from_pretrained(output, device=device)


def _train(
    data: Data,
    recipe: Recipe,
    output: Path,
    where: torch.device,
    quiet: bool,
    say: Callable[[str], None],
    callbacks: Sequence[Any],
    open_judge: OpenJudge | None,
) -> None:
    """Train unless it is done, and leave nothing but the folder."""
    kind = _choose_training_dtype(recipe, where)
    student = Student.from_pretrained(
        recipe.student, device="cpu", dtype=_choose_base_dtype(recipe, kind)
    )
    check_precision(recipe, student.model.config.model_type, where.type)
    fit_prompts(student, recipe)
    done = (output / SPEC_FILE).is_file()
    # All models are loaded, and refused, before much data is read.
    loaded = None if done else load_teacher(student, recipe, where)
    judge = None if done else open_reward(recipe, open_judge)
    prepared = prepare(student, data, recipe)
    for line in describe_data(prepared):
        say(line)
    identity = describe_identity(student, recipe, prepared)
    teacher, rewards = None, None
    if not done:
        teacher = prepare_teacher(loaded, student, recipe, prepared.train, identity["examples"])
        rewards = open_rewards(recipe, student, prepared, judge)
        if rewards is not None:
            identity["reward"] = rewards.judge.identity
    if not begin(output, identity):
        say(f"{output} is already trained")
        return
    if isinstance(teacher, CachedTeacher):
        teacher.give("train", prepared.train)
        teacher.give("validation", prepared.validation)
    elif teacher is not None and teacher.objective.sequence_level:
        prepared.train, left = write_targets(
            teacher, student, prepared.train, recipe.max_target_tokens, say
        )
        prepared.facts |= {"train": len(prepared.train), "no_target": left}
    count_codes(student, prepared)
    base = student.model
    use_explicit_attention(base, where)
    if recipe.lora_rank:
        torch.manual_seed(recipe.seed)
        student.model = add_lora(student.model, student.spec.architecture, recipe)
    began = time.monotonic()
    trainer = make_trainer(
        student, prepared, recipe, output, where, kind, quiet, callbacks, teacher, rewards
    )
    checkpoint = find_last_checkpoint(output / CHECKPOINTS, say)
    trainer.args.eval_on_start = rewards is not None and checkpoint is None
    with hush_transformers():
        trainer.train(resume_from_checkpoint=checkpoint)
    facts = {} if teacher is None else teacher.facts()
    if rewards is not None:
        facts["reward"] = rewards.facts()
        if rewards.parted is not None:
            say(f"stopped at step {rewards.parted}: the reward rose and the held-out critic's fell")
    finish(student, base, trainer, recipe, data, prepared, output, time.monotonic() - began, facts)


def _choose_training_dtype(recipe: Recipe, device: torch.device) -> str | None:
    """The dtype of autocast, or None for plain float32."""
    if recipe.precision == "auto":
        return "bfloat16" if pick_dtype(device) == torch.bfloat16 else None
    return None if recipe.precision == "float32" else recipe.precision


def _choose_base_dtype(recipe: Recipe, kind: str | None) -> Literal["float32", "bfloat16"]:
    """Weights that are trained are float32; those that LoRA leaves alone may be bfloat16."""
    return "bfloat16" if recipe.lora_rank and kind == "bfloat16" else "float32"


def make_trainer(
    student: Student,
    prepared: Prepared,
    recipe: Recipe,
    output: Path,
    device: torch.device,
    dtype: str | None,
    quiet: bool,
    callbacks: Sequence[Any],
    teacher: Teacher | CachedTeacher | None = None,
    rewards: Rewards | None = None,
) -> Any:
    """transformers' Trainer for this student, with our line of progress.

    Args:
        teacher: that the student is distilled from.
        rewards: of its own outputs.
    """
    from transformers import EarlyStoppingCallback, PrinterCallback

    from dimsum.training.arguments import make_arguments
    from dimsum.training.distilling import CausalDistiller, SequenceDistiller
    from dimsum.training.trainer import CausalTrainer, SequenceTrainer

    seq2seq = student.spec.architecture == "seq2seq"
    arguments = make_arguments(
        recipe,
        output / CHECKPOINTS,
        len(prepared.train),
        device,
        dtype,
        seq2seq=seq2seq,
        rewarded=rewards is not None,
    )
    if recipe.gradient_checkpointing and recipe.lora_rank:
        student.model.enable_input_require_grads()
    asks = teacher is not None and teacher.objective.needs_logits
    line = ProgressLine(quiet=quiet, name="divergence" if asks else "loss")
    extra = [line, Sums(), *callbacks]
    if rewards is not None:
        extra.append(StopWhenParted(rewards))
    if recipe.patience:
        extra.append(EarlyStoppingCallback(recipe.patience))
    kinds = (SequenceDistiller, CausalDistiller) if asks else (SequenceTrainer, CausalTrainer)
    trainer = kinds[0 if seq2seq else 1](
        model=student.model,
        args=arguments,
        data_collator=Collator(student.tokenizer),
        train_dataset=prepared.train,
        eval_dataset=prepared.validation,
        callbacks=extra,
    )
    trainer.begin_training(student, prepared, recipe)
    if teacher is not None and asks:
        trainer.begin(teacher, rewards)
    trainer.remove_callback(PrinterCallback)
    return trainer


def finish(
    student: Student,
    base: Any,
    trainer: Any,
    recipe: Recipe,
    data: Data,
    prepared: Prepared,
    output: Path,
    seconds: float,
    more: dict[str, Any],
) -> None:
    """Merge, save the student with its facts, and let the checkpoints go.

    Args:
        more: facts of its training.
    """
    state = trainer.state
    dtype = base.dtype
    if recipe.lora_rank:
        # Merged in float32 and rounded once: a bfloat16 sum would lose most of a small update.
        student.model = student.model.float().merge_and_unload()
        student.model.to(dtype)
    student.spec.base = student.spec.base or make_public_name(recipe.student)
    losses = [entry["eval_loss"] for entry in state.log_history if "eval_loss" in entry]
    student.spec.training = {
        "from": make_public_name(recipe.student),
        "weights": resolve(recipe.student).identity,
        "licence": resolve(recipe.student).licence or student.spec.training.get("licence"),
        "recipe": {
            **recipe.model_dump(mode="json"),
            "student": make_public_name(recipe.student),
            "objective": describe_objective(recipe),
        },
        "data": prepared.facts,
        "where": dict(data.columns.where),
        "steps": state.global_step,
        "epochs": round(float(state.epoch or 0), 3),
        "tokens": int(state.num_input_tokens_seen),
        "seconds_of_last_start": round(seconds, 1),
        "best_validation_loss": min(losses) if losses else None,
        "device": str(trainer.args.device),
        "parameters": sum(p.numel() for p in student.model.parameters()),
        "versions": {name: version(name) for name in LIBRARIES},
        **more,
    }
    student.model.eval()
    write_json(output / LOG, state.log_history)
    write_card(output, student.spec, data.reference)
    student.save(output)
    shutil.rmtree(output / CHECKPOINTS, ignore_errors=True)
