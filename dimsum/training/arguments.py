"""A recipe in the words of transformers' TrainingArguments."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import torch

from dimsum.errors import UsageError
from dimsum.training.recipe import Recipe


def make_arguments(
    recipe: Recipe,
    folder: Path,
    examples: int,
    device: torch.device,
    dtype: str | None,
    *,
    seq2seq: bool,
    rewarded: bool = False,
) -> Any:
    """TrainingArguments, or Seq2SeqTrainingArguments, of a recipe.

    Args:
        folder: of the checkpoints.
        examples: training pairs, from which the distance between validations follows.
        dtype: of autocast; None is plain float32.
        rewarded: the student that is kept is the best by the objective with the held-out critic's
            reward, and not by its validation loss.

    Raises:
        UsageError: a batch that cannot be shared out over the devices.
    """
    from transformers import Seq2SeqTrainingArguments, TrainingArguments

    devices = int(os.environ.get("WORLD_SIZE", "1"))
    accumulation, rest = divmod(recipe.batch_size, recipe.micro_batch * devices)
    if rest or accumulation < 1:
        raise UsageError(
            f"batch_size {recipe.batch_size} is no multiple of micro_batch {recipe.micro_batch} "
            f"on {devices} devices",
            hint="choose a batch_size that is one",
        )
    steps = math.ceil(examples / recipe.batch_size)
    total = steps * recipe.epochs
    every = max(1, steps // recipe.evaluations)
    schedule = recipe.schedule
    if schedule == "constant" and recipe.warmup:
        schedule = "constant_with_warmup"  # type: ignore[assignment]
    return (Seq2SeqTrainingArguments if seq2seq else TrainingArguments)(
        output_dir=str(folder),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.micro_batch,
        per_device_eval_batch_size=2 * recipe.micro_batch,
        gradient_accumulation_steps=accumulation,
        optim="adamw_torch",
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        adam_epsilon=recipe.adam_epsilon,
        max_grad_norm=recipe.clip,
        lr_scheduler_type=schedule,
        # The first step of a warmup has the rate 0: a training of one step would learn nothing.
        warmup_steps=min(math.ceil(recipe.warmup * total), total - 1),
        bf16=dtype == "bfloat16",
        fp16=dtype == "float16",
        gradient_checkpointing=recipe.gradient_checkpointing,
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_objective" if rewarded else "eval_loss",
        greater_is_better=rewarded,
        restore_callback_states_from_checkpoint=True,
        logging_strategy="steps",
        logging_steps=max(1, min(20, every // 4)),
        include_num_input_tokens_seen="non_padding",
        remove_unused_columns=False,
        label_names=["labels"],
        prediction_loss_only=True,
        dataloader_pin_memory=device.type == "cuda",
        use_cpu=device.type == "cpu",
        disable_tqdm=True,
        report_to="none",
        seed=recipe.seed,
    )
