"""transformers' Trainer with length buckets, logits where they are needed, and written samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import Seq2SeqTrainer, Trainer
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from dimsum.errors import DimsumError
from dimsum.memory import give_back
from dimsum.metrics.overlap import rouge_l
from dimsum.metrics.words import split_words
from dimsum.objectives.settings import CrossEntropy
from dimsum.training.examples import IGNORED, Examples, LengthBuckets
from dimsum.training.target_positions import find_target_logits, split_inputs

if TYPE_CHECKING:
    from dimsum.pairs import Pair
    from dimsum.student import Student
    from dimsum.tasks import TaskDefinition
    from dimsum.training.data import Prepared
    from dimsum.training.recipe import Recipe


class StudentTrainer:
    """What both trainers share; mixed in before the library's class."""

    student: Student
    sample: list[tuple[Pair, str]]
    tasks: tuple[TaskDefinition, ...]
    smoothing: float = 0.0
    train_dataset: Examples
    args: Any
    state: Any
    model: Any
    optimizer: Any

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthBuckets:
        size = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return LengthBuckets(self.train_dataset.lengths(), size, self.args.seed)

    def begin_training(self, student: Student, prepared: Prepared, recipe: Recipe) -> None:
        """Take what is trained, on what, and how.

        The mean over the target tokens of a whole step is taken here, whatever the model's own
        loss would be: that of a micro-batch counts a token the more, the fewer there are beside it.
        """
        self.student, self.sample, self.tasks = student, prepared.sample, recipe.definitions
        kind = recipe.objective
        self.smoothing = kind.smoothing if isinstance(kind, CrossEntropy) else 0.0
        self.model_accepts_loss_kwargs = True

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Cross-entropy of the targets; in training smoothed, and each by its pair's weight.

        A validation is plain, so that trainings can be compared by it.
        """
        given, mask = split_inputs(self.student.model, inputs)
        logits = find_target_logits(model, given, mask, self.student.model).float()
        labels = inputs["labels"]
        losses = torch.nn.functional.cross_entropy(
            logits,
            labels[labels != IGNORED],
            reduction="none",
            label_smoothing=self.smoothing if model.training else 0.0,
        )
        if "weights" in inputs and model.training:
            losses = losses * inputs["weights"][mask.nonzero()[:, 0]]
        return scale_loss(self, losses.sum(), labels, num_items_in_batch, return_outputs)

    def training_step(self, *arguments: Any, **named: Any) -> torch.Tensor:
        """The library's; a loss that is no number ends the training, as nothing mends it.

        Raises:
            DimsumError: it is none.
        """
        parent: Any = super()
        loss: torch.Tensor = parent.training_step(*arguments, **named)
        if not torch.isfinite(loss).all():
            raise DimsumError(
                f"the loss of step {self.state.global_step + 1} is no number",
                hint="lower the learning_rate in another folder, or set precision to float32",
            )
        return loss

    def evaluation_loop(self, *arguments: Any, **named: Any) -> Any:
        """The validation loss, and what greedy outputs for some validation sources are like.

        Random numbers that it takes are not missed by the training.
        """
        parent: Any = super()
        with torch.random.fork_rng(devices=[]):
            output = parent.evaluation_loop(*arguments, **named)
            found = self._measure_outputs() if self.sample else {}
        metrics = output.metrics | {f"eval_{name}": value for name, value in found.items()}
        return output._replace(metrics=self._conclude(metrics))

    def _load_best_model(self) -> None:
        """Load the best checkpoint without what only training needs beside it.

        Gradients and the optimiser's moments are three times the weights of a model that is
        trained whole. The newest checkpoint is what the model holds already.
        """
        self.optimizer.state.clear()
        self.model.zero_grad(set_to_none=True)
        give_back(self.args.device)
        best = Path(self.state.best_model_checkpoint)
        if best.name != f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}":
            parent: Any = super()
            parent._load_best_model()

    def _conclude(self, metrics: dict[str, float]) -> dict[str, float]:
        """Add what follows from the metrics of a validation."""
        return metrics

    def _measure_outputs(self) -> dict[str, float]:
        """ROUGE-L against the targets, and the shares of outputs that obey their control code."""
        from dimsum.metrics.control import measure_control

        student = self.student
        codes = [code for _, code in self.sample]
        trees = [pair.syntax for pair, _ in self.sample] if student.spec.prompts.syntax else None
        outputs = student.write([pair.source for pair, _ in self.sample], codes, trees=trees)
        texts = [found[0] for found in outputs]
        found = self._measure_texts(texts)
        overlaps = [
            rouge_l(split_words(pair.target), split_words(text))
            for (pair, _), text in zip(self.sample, texts, strict=True)
        ]
        found["rouge_l"] = sum(overlaps) / len(overlaps)
        if student.spec.prompts.control:
            sources = [pair.source for pair, _ in self.sample]
            found |= {
                name: value
                for name, value in measure_control(sources, texts, codes, self.tasks).items()
                if value is not None
            }
        return found

    def _measure_texts(self, texts: Sequence[str]) -> dict[str, float]:
        """What else is measured of the outputs for the sample."""
        return {}


class CausalTrainer(StudentTrainer, Trainer):  # type: ignore[misc]
    """For causal students."""


class SequenceTrainer(StudentTrainer, Seq2SeqTrainer):  # type: ignore[misc]
    """For sequence-to-sequence students."""


def scale_loss(
    trainer: Any, total: torch.Tensor, labels: torch.Tensor, count: Any, return_outputs: bool
) -> Any:
    """The share of a micro-batch in a step's mean, as `compute_loss` of a trainer gives it.

    Args:
        total: of the losses of its target tokens.
        count: target tokens of the step, over all devices; None: those of `labels`.
    """
    loss = total / ((labels != IGNORED).sum() if count is None else count)
    if count is not None and trainer.args.average_tokens_across_devices:
        loss = loss * trainer.accelerator.num_processes
    return (loss, {"loss": loss}) if return_outputs else loss
