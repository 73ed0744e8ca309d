"""Trainers that minimise a divergence from a teacher, on given targets and on the student's own.

Source: arXiv 2306.13649. The mean is over the target tokens that are there once the student has
sampled (`dimsum.training.own_batches`), for all micro-batches of a step together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from transformers import Seq2SeqTrainer, Trainer

from dimsum.objectives.divergence import (
    divergence,
    divergence_of_log_probabilities,
    entropy,
)
from dimsum.objectives.reinforce import measure_log_likelihoods
from dimsum.objectives.settings import GKD
from dimsum.objectives.weights import (
    add_rest,
    count_selected,
    select_by_entropy,
    standardise,
    take_likeliest,
    weigh_by_entropy_difference,
)
from dimsum.training.examples import IGNORED
from dimsum.training.own_batches import Batch, OwnBatches
from dimsum.training.rewards import Rewards, Written
from dimsum.training.target_positions import find_target_logits, split_inputs
from dimsum.training.teacher import Teacher, count_vocabulary
from dimsum.training.teacher_logits import CachedTeacher
from dimsum.training.trainer import StudentTrainer, scale_loss

if TYPE_CHECKING:
    from dimsum.student import Student


class _Distilling(StudentTrainer):
    """What both trainers share."""

    student: Student
    objective: GKD
    teacher: Teacher | CachedTeacher
    rewards: Rewards | None
    vocabulary: int
    accelerator: Any
    state: Any
    data_collator: Any

    def begin(self, teacher: Teacher | CachedTeacher, rewards: Rewards | None = None) -> None:
        """Take what a training is distilled from; the trainer has its student already.

        Args:
            rewards: of its own outputs, where the objective has a reward.
        """
        self.objective, self.teacher = teacher.objective, teacher
        self.rewards = rewards
        self.vocabulary = count_vocabulary(self.student.tokenizer)
        self._seen: dict[str, list[float]] = {}

    def get_batch_samples(self, iterator: Any, count: int, device: torch.device) -> Any:
        """The micro-batches of a step and the number of their target tokens."""
        parent: Any = super()
        batches, tokens = parent.get_batch_samples(iterator, count, device)
        if self.objective.samples_own and batches:
            batches = self._with_own_outputs(batches)
            tokens = self._get_num_items_in_batch(batches, device)
        return batches, tokens

    def _get_num_items_in_batch(self, batches: list[Batch], device: torch.device) -> Any:
        parent: Any = super()
        share = self.objective.weights.share
        if share == 1 or not batches:
            return parent._get_num_items_in_batch(batches, device)
        lengths = [n for b in batches for n in (b["labels"] != IGNORED).sum(1).tolist()]
        found = torch.tensor(sum(count_selected(n, share) for n in lengths), device=device)
        return self.accelerator.gather(found).sum() if self.args.world_size > 1 else found

    def _with_own_outputs(self, batches: list[Batch]) -> list[Batch]:
        """The batches with some targets replaced by what the student samples now."""
        own = OwnBatches(
            self.student,
            self.objective,
            self.vocabulary,
            self.data_collator,
            self.rewards,
            self._note,
        )
        return own.replace(
            batches,
            self.args.seed,
            self.state.global_step,
            self.args.process_index * 2**20,
            self._mean_over_devices,
        )

    def _mean_over_devices(self, count: int) -> float:
        if self.args.world_size == 1:
            return float(count)
        mine = torch.tensor([count], device=self.accelerator.device)
        return float(self.accelerator.gather(mine).double().mean())

    def _note(self, name: str, value: float, weight: float = 1.0) -> None:
        """Add to a mean that the next line of the log shows."""
        sums = self._seen.setdefault(name, [0.0, 0.0])
        sums[0] += value * weight
        sums[1] += weight

    def log(self, logs: dict[str, float], *rest: Any) -> None:
        """The library's log, and what was noted since its last line."""
        if "loss" in logs:
            logs = logs | {
                name: total / count for name, (total, count) in self._seen.items() if count
            }
            self._seen.clear()
        parent: Any = super()
        parent.log(logs, *rest)

    def compute_loss(
        self,
        model: Any,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The divergence of a micro-batch: its sum over the target tokens of the whole step."""
        given, mask = split_inputs(self.student.model, inputs)
        if isinstance(self.teacher, CachedTeacher):
            ours = find_target_logits(model, given, mask, self.student.model)
            losses = self._losses_of_few(inputs["teacher_ids"], inputs["teacher_logs"], ours)
            losses = self._weigh(losses, None, ours, mask)
        else:
            theirs = self.teacher.logits_at(given, mask)
            ours = find_target_logits(model, given, mask, self.student.model)
            losses = self._losses(theirs, ours, mask)
        own = mask.nonzero()[:, 0]
        if "weights" in inputs:
            losses = losses * inputs["weights"][own]
        loss = scale_loss(self, losses.sum(), inputs["labels"], num_items_in_batch, False)
        reward = self.objective.reward
        if reward is not None and "advantages" in inputs:
            count = len(losses)
            self._note("divergence", losses.detach().sum().item() / max(count, 1), count)
            labels = inputs["labels"][inputs["labels"] != IGNORED]
            logs = measure_log_likelihoods(
                ours,
                labels,
                temperature=self.objective.sampling.temperature,
                vocabulary=self.vocabulary,
            )
            expected = (inputs["advantages"][own] * logs).sum()
            loss = reward.alpha * loss - (1 - reward.alpha) * expected
        return (loss, {"loss": loss}) if return_outputs else loss

    def _conclude(self, metrics: dict[str, float]) -> dict[str, float]:
        """Add what the objective comes to by the held-out critic."""
        reward = self.objective.reward
        if reward is not None:
            gain = (1 - reward.alpha) * metrics["eval_held_out"]
            metrics["eval_objective"] = gain - reward.alpha * metrics["eval_loss"]
        return metrics

    def _measure_texts(self, texts: Sequence[str]) -> dict[str, float]:
        """The reward of the outputs for the sample, and what is observed beside it."""
        if self.rewards is None:
            return {}
        written = [
            Written(pair.source, code, text)
            for (pair, code), text in zip(self.sample, texts, strict=True)
        ]
        return self.rewards.observe(written)

    def _losses(self, theirs: Any, ours: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Weighted divergences at the target positions, shape (n,)."""
        wanted, size = self.objective, self.vocabulary
        weights = wanted.weights
        every = torch.arange(len(ours), device=ours.device)
        options: dict[str, Any] = {"beta": wanted.beta, "normalisation": wanted.normalisation}
        whole = None
        if weights.standardise_top or weights.entropy_difference:
            whole = theirs(every)[:, :size]
        if weights.standardise_top and whole is not None:
            both = take_likeliest(whole.float(), ours[:, :size].float(), weights.standardise_top)
            p, q = ((standardise(z) / wanted.temperature).log_softmax(-1) for z in both)
            losses = divergence_of_log_probabilities(p, q, **options)
        else:
            losses = divergence(
                theirs if whole is None else whole,
                ours,
                temperature=wanted.temperature,
                vocabulary=size,
                **options,
            )
        return self._weigh(losses, whole, ours, mask)

    def _losses_of_few(
        self, ids: torch.Tensor, logs: torch.Tensor, ours: torch.Tensor
    ) -> torch.Tensor:
        """Divergences of the teacher's likeliest tokens and of all others as one, shape (n,)."""
        wanted = self.objective
        logits = ours[:, : self.vocabulary].float() / wanted.temperature
        own = logits.gather(-1, ids.long()) - logits.logsumexp(-1, keepdim=True)
        return divergence_of_log_probabilities(
            add_rest(logs), add_rest(own), wanted.beta, wanted.normalisation
        )

    def _weigh(
        self,
        losses: torch.Tensor,
        theirs: torch.Tensor | None,
        ours: torch.Tensor,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        """The losses under the weights of the objective, 0 at tokens that do not count."""
        weights = self.objective.weights
        if weights.share == 1 and not weights.entropy_difference:
            return losses
        uncertain = entropy(ours, vocabulary=self.vocabulary)
        if weights.entropy_difference and theirs is not None:
            losses = losses * weigh_by_entropy_difference(entropy(theirs), uncertain)
        if weights.share < 1:
            spread = torch.zeros(mask.shape, dtype=uncertain.dtype, device=mask.device)
            spread[mask] = uncertain
            losses = losses * select_by_entropy(spread, mask, weights.share)[mask]
        return losses


class CausalDistiller(_Distilling, Trainer):  # type: ignore[misc]
    """For causal students."""


class SequenceDistiller(_Distilling, Seq2SeqTrainer):  # type: ignore[misc]
    """For sequence-to-sequence students."""
