"""A dataset and a model become a student.

OUTPUT/training.json       what is being trained, written first
OUTPUT/checkpoints/        weights, optimiser, schedule, chance: a training goes on from here
OUTPUT/model.safetensors   the student, opened by plain transformers too
OUTPUT/student.json        prompts, codes, facts; written last, so a folder with it is whole
"""

from __future__ import annotations

import heapq
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import torch

from dimsum.card import write_card
from dimsum.cpu import use_explicit_attention
from dimsum.data.dataset import read_rows
from dimsum.data.values import Reading
from dimsum.devices import pick_device, pick_dtype
from dimsum.errors import UsageError
from dimsum.files import write_json
from dimsum.language import languages_of
from dimsum.lock import LOCK, hold
from dimsum.models import public_name, quiet_transformers, resolve
from dimsum.objectives.settings import GKD
from dimsum.pairs import Columns, Pair, check_data, held_out, pairs_of
from dimsum.prompts import PromptFormat
from dimsum.spec import SPEC_FILE
from dimsum.student import Student
from dimsum.training.balance import balanced
from dimsum.training.checkpoints import Sums, last_checkpoint
from dimsum.training.examples import (
    Collator,
    Encoding,
    Examples,
    code_of,
    encode_pairs,
    hash_examples,
)
from dimsum.training.lora import with_lora
from dimsum.training.progress import ProgressLine
from dimsum.training.recipe import Recipe, check_precision
from dimsum.training.targets import write_targets
from dimsum.training.teacher import Teacher, open_teacher
from dimsum.training.teacher_logits import CachedTeacher

RECORD = "training.json"
LOG = "training_log.json"
CHECKPOINTS = "checkpoints"
LIBRARIES = ("dimsum-plus", "torch", "transformers", "accelerate", "peft")


@dataclass(frozen=True)
class Data:
    """Where the pairs are: see `dimsum.data.dataset.read_rows`."""

    reference: str
    columns: Columns = field(default_factory=Columns)
    config: str | None = None


@dataclass
class Prepared:
    """Encoded examples and what became of the rows."""

    train: Examples
    validation: Examples
    sample: list[tuple[Pair, str]]
    encoding: Encoding
    reading: Reading
    checked: Reading
    facts: dict[str, Any]


def train(
    data: Data,
    recipe: Recipe,
    output: Path,
    *,
    device: str | None = None,
    quiet: bool = True,
    say: Callable[[str], None] = lambda line: None,
    callbacks: Sequence[Any] = (),
) -> Student:
    """Train a student, or go on with a training that was interrupted.

    Args:
        output: a new or empty folder, or one in which this very training was begun.
        callbacks: transformers' TrainerCallbacks, for tests and tools of one's own.

    Raises:
        UsageError: no data, missing columns, float16 for a T5, a student of another prompt format,
            or an output folder that holds something else; nothing is overwritten.
        ModelError: the model cannot be loaded.
        Busy: another training is at work in the folder.
    """
    refuse_foreign(output)
    check_data(data.reference, data.columns, data.config, recipe.definitions)
    # Of processes that train together the first holds the folder for all.
    alone = os.environ.get("RANK", "0") == "0"
    with hold(output, "training") if alone else nullcontext():
        return _train(data, recipe, output, device, quiet, say, callbacks)


def _train(
    data: Data,
    recipe: Recipe,
    output: Path,
    device: str | None,
    quiet: bool,
    say: Callable[[str], None],
    callbacks: Sequence[Any],
) -> Student:
    where = pick_device(device)
    kind = _training_dtype(recipe, where)
    student = Student.from_pretrained(recipe.student, device="cpu", dtype=_base_dtype(recipe, kind))
    check_precision(recipe, student.model.config.model_type, where.type)
    fit_prompts(student, recipe)
    prepared = prepare(student, data, recipe)
    for line in describe_data(prepared):
        say(line)
    identity = identity_of(student, recipe, prepared)
    teacher = None
    if not (output / SPEC_FILE).is_file():
        teacher = open_teacher(student, recipe, prepared.train, where, identity["examples"])
    if not begin(output, identity):
        say(f"{output} is already trained")
        return Student.from_pretrained(output, device=device)
    if isinstance(teacher, CachedTeacher):
        teacher.give("train", prepared.train)
        teacher.give("validation", prepared.validation)
    elif teacher is not None and teacher.objective.sequence_level:
        prepared.train, left = write_targets(
            teacher, student, prepared.train, recipe.max_target_tokens, say
        )
        prepared.facts |= {"train": len(prepared.train), "no_target": left}
    _count_codes(student, prepared)
    base = student.model
    use_explicit_attention(base, where)
    if recipe.lora_rank:
        torch.manual_seed(recipe.seed)
        student.model = with_lora(student.model, student.spec.architecture, recipe)
    began = time.monotonic()
    trainer = make_trainer(
        student, prepared, recipe, output, where, kind, quiet, callbacks, teacher
    )
    with quiet_transformers():
        trainer.train(resume_from_checkpoint=last_checkpoint(output / CHECKPOINTS, say))
    facts = {} if teacher is None else teacher.facts()
    finish(student, base, trainer, recipe, data, prepared, output, time.monotonic() - began, facts)
    return Student.from_pretrained(output, device=device)


def prepare(student: Student, data: Data, recipe: Recipe) -> Prepared:
    """Read, hold out and encode the pairs.

    Raises:
        UsageError: an empty dataset or missing columns.
    """
    reading = Reading()
    rows = read_rows(data.reference, "train", data.config, reading)
    tasks = recipe.definitions
    pairs = _limit(pairs_of(rows, data.columns, data.reference, reading, tasks), recipe.max_pairs)
    ready = Reading()
    own = read_rows(data.reference, "validation", data.config)
    checked = list(
        islice(pairs_of(own, data.columns, data.reference, ready, tasks), recipe.validation_pairs)
    )
    used: Iterable[Pair] = pairs
    if not checked:
        share = recipe.validation_share
        everything = list(pairs)
        checked = [p for p in everything if held_out(p.source, share)][: recipe.validation_pairs]
        used = [p for p in everything if not held_out(p.source, share)]
    causal = student.spec.architecture == "causal"
    student.spec.max_source_tokens = min(student.spec.max_source_tokens, recipe.max_source_tokens)
    encoding, aside = Encoding(), Encoding()
    most = recipe.max_target_tokens
    training = Examples(encode_pairs(student, used, most, encoding), causal=causal)
    training = balanced(training, encoding.codes, recipe.balance)
    validation = Examples(encode_pairs(student, checked, most, aside), causal=causal)
    for name, part in (("training", training), ("validation", validation)):
        if len(part) == 0:
            raise reading.nothing(
                data.reference,
                f"{name} pair",
                data.columns.where,
                "rows need a source and a target; a few dozen pairs are the least",
            )
    sample = [(pair, code_of(student, pair)) for pair in checked[: recipe.sample_pairs]]
    facts = {
        "reference": public_name(data.reference),
        "rows": reading.rows,
        "dropped": reading.as_json(),
        "other_splits": dict(reading.other_splits),
        "too_long": dict(encoding.too_long + aside.too_long),
        "train": len(encoding.codes),
        "an_epoch": len(training),
        "validation": len(validation),
        "language": list(languages_of(pair.source for pair in checked)),
        "by_code": dict(sorted(encoding.trained.items())),
    }
    return Prepared(training, validation, sample, encoding, reading, ready, facts)


def _limit(pairs: Iterable[Pair], most: int | None) -> Iterable[Pair]:
    """The `most` pairs of the smallest hashes, in the order of their hashes; all if None."""
    if most is None:
        return pairs
    keyed = (
        (sha256(f"{pair.source}\n{pair.target}".encode()).hexdigest(), i, pair)
        for i, pair in enumerate(pairs)
    )
    return [pair for _, _, pair in heapq.nsmallest(most, keyed)]


def describe_data(prepared: Prepared) -> list[str]:
    """Lines about the data for a person."""
    facts = prepared.facts
    lines = [f"{facts['train']:,} training and {facts['validation']:,} validation pairs"]
    if facts["an_epoch"] != facts["train"]:
        lines.append(f"pairs of rarer control codes are repeated: {facts['an_epoch']:,} an epoch")
    if others := prepared.reading.other_splits:
        rows = " and ".join(f"{count:,} {split} rows" for split, count in sorted(others.items()))
        lines.append(f"not trained on: {rows}")
    long = facts["too_long"]
    if long:
        sides = " and ".join(f"{count:,} {side}s" for side, count in sorted(long.items()))
        lines.append(f"left out as longer than the student takes: {sides}")
    if prepared.reading.dropped:
        lines.append(f"left out: {prepared.reading}")
    if prepared.checked.dropped:
        lines.append(f"left out of the validation rows: {prepared.checked}")
    return lines


def _count_codes(student: Student, prepared: Prepared) -> None:
    """Add this training's examples to those the student has seen; write only for what is known."""
    earlier, trained = student.spec.trained, prepared.encoding.trained
    student.spec.trained = {
        code: earlier.get(code, 0) + trained.get(code, 0)
        for code in student.spec.prompts.instructions
    }
    known = set(student.spec.codes)
    prepared.sample = [(pair, code) for pair, code in prepared.sample if code in known]


def _training_dtype(recipe: Recipe, device: torch.device) -> str | None:
    """The dtype of autocast, or None for plain float32."""
    if recipe.precision == "auto":
        return "bfloat16" if pick_dtype(device) == torch.bfloat16 else None
    return None if recipe.precision == "float32" else recipe.precision


def _base_dtype(recipe: Recipe, kind: str | None) -> Literal["float32", "bfloat16"]:
    """Weights that are trained are float32; those that LoRA leaves alone may be bfloat16."""
    return "bfloat16" if recipe.lora_rank and kind == "bfloat16" else "float32"


def fit_prompts(student: Student, recipe: Recipe) -> None:
    """Give a new student its prompts; one that is trained further keeps its own.

    Raises:
        UsageError: the recipe asks for other prompts than the student was trained with, or for a
            chat template that its base does not have.
    """
    if student.spec.trained:
        if student.spec.prompts.control != recipe.control:
            raise UsageError(
                f"{recipe.student} was trained {'with' if not recipe.control else 'without'} "
                "control codes",
                hint="train it further as it was trained, or begin with a plain model",
            )
        shape = student.spec.training.get("recipe", {}).get("prompt", "instruction_first")
        if shape != recipe.prompt:
            raise UsageError(
                f"{recipe.student} was trained with prompt: {shape}, not {recipe.prompt}",
                hint=f"--set prompt={shape}, or begin with a plain model",
            )
        known, asked = student.spec.prompts.tasks, [task.name for task in recipe.definitions]
        if set(known) != set(asked):
            raise UsageError(
                f"{recipe.student} was trained for {', '.join(known)}, not {', '.join(asked)}",
                hint="name its tasks in the recipe, or begin with a plain model",
            )
        return
    student.spec.prompts = PromptFormat.default(
        student.spec.architecture,
        control=recipe.control,
        tasks=recipe.definitions,
        shape=recipe.prompt,
        chat=student.chat_turn if recipe.prompt == "chat" else None,
    )


def identity_of(student: Student, recipe: Recipe, prepared: Prepared) -> dict[str, Any]:
    """What makes two trainings the same: student, settings and examples."""
    settings = recipe.model_dump(mode="json", exclude={"student", "language"})
    teacher = None
    if isinstance(recipe.objective, GKD):
        teacher = resolve(settings["objective"].pop("teacher")).identity
        settings["objective"]["teacher_logits"] = bool(settings["objective"]["teacher_logits"])
    else:  # as trainings were begun that knew no other objective
        settings.pop("objective")
    return {
        "student": public_name(recipe.student),
        "architecture": student.spec.architecture,
        "model_type": student.model.config.model_type,
        "weights": resolve(recipe.student).identity,
        "recipe": settings,
        "examples": hash_examples(prepared.train, prepared.validation),
        **({} if teacher is None else {"teacher": teacher}),
    }


def public_objective(recipe: Recipe) -> dict[str, Any]:
    """The objective as a card may show it."""
    found: dict[str, Any] = recipe.objective.model_dump(mode="json")
    for name in ("teacher", "teacher_logits"):
        if found.get(name):
            found[name] = public_name(found[name])
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
        before = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} cannot be read", hint="choose a new folder") from error
    for key in ("architecture", "model_type", "weights", "recipe", "teacher", "examples"):
        if before.get(key) != identity.get(key):
            other = _difference(key, before, identity)
            raise UsageError(
                f"{output} holds checkpoints of another training: {other}",
                hint="choose a new folder, or go on with the settings it was begun with",
            )
    return not (output / SPEC_FILE).is_file()


def _difference(key: str, before: dict[str, Any], now: dict[str, Any]) -> str:
    if key in ("architecture", "model_type"):
        return f"a {before.get('architecture')} {before.get('model_type')}, not {now['student']}"
    if key == "weights":
        return f"of {before.get('student')} with other weights"
    if key in ("examples", "teacher"):
        return "of other data" if key == "examples" else "of another teacher"
    old = before.get("recipe") or {}
    names = dict.fromkeys([*now["recipe"], *old])
    other = [name for name in names if old.get(name) != now["recipe"].get(name)]
    return f"its {', '.join(other)} differed"


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
) -> Any:
    """transformers' Trainer for this student, with our line of progress.

    Args:
        teacher: that the student is distilled from.
    """
    from transformers import EarlyStoppingCallback, PrinterCallback

    from dimsum.training.arguments import arguments_of
    from dimsum.training.distilling import CausalDistiller, SequenceDistiller
    from dimsum.training.trainer import CausalTrainer, SequenceTrainer

    seq2seq = student.spec.architecture == "seq2seq"
    arguments = arguments_of(
        recipe, output / CHECKPOINTS, len(prepared.train), device, dtype, seq2seq=seq2seq
    )
    if recipe.gradient_checkpointing and recipe.lora_rank:
        student.model.enable_input_require_grads()
    asks = teacher is not None and teacher.objective.needs_logits
    line = ProgressLine(quiet=quiet, name="divergence" if asks else "loss")
    extra = [line, Sums(), *callbacks]
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
    trainer.student, trainer.sample, trainer.tasks = student, prepared.sample, recipe.definitions
    if teacher is not None and asks:
        trainer.begin(teacher)
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
    student.spec.base = student.spec.base or public_name(recipe.student)
    losses = [entry["eval_loss"] for entry in state.log_history if "eval_loss" in entry]
    student.spec.training = {
        "from": public_name(recipe.student),
        "weights": resolve(recipe.student).identity,
        "licence": resolve(recipe.student).licence or student.spec.training.get("licence"),
        "recipe": {
            **recipe.model_dump(mode="json"),
            "student": public_name(recipe.student),
            "objective": public_objective(recipe),
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
