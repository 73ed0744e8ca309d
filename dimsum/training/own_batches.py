"""A step's batches with what the student samples now in the place of some targets.

Source: arXiv 2306.13649, algorithm 1. The student samples without gradients, at the beginning of a
step and for all its micro-batches, so that a step is the same however it is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from dimsum.objectives.settings import GKD
from dimsum.training.examples import as_item, split_batch
from dimsum.training.own_outputs import OwnOutput, draw_uniforms, sample_outputs
from dimsum.training.rewards import TRIED, Rated, Rewards, refuse_empty

if TYPE_CHECKING:
    from dimsum.student import Student

Batch = dict[str, torch.Tensor]
Note = Callable[[str, float, float], None]
"""Takes a name, a value and its weight: part of a mean that the log shows."""
_DRAWS = 2**32
"""Beginning of the streams that draw what is sampled, behind those that sample."""
_SAMPLES = 2**36
"""Streams between one sample of a prompt and the next."""


@dataclass(frozen=True)
class OwnBatches:
    """Makes batches of a student's own outputs.

    Attributes:
        vocabulary: of the student; what lies behind is padding of its head.
        collate: `as_item`s to a batch.
        rewards: of the outputs; None: there are none.
        note: what the log shows of them.
    """

    student: Student
    objective: GKD
    vocabulary: int
    collate: Callable[[list[dict[str, list[int]]]], Batch]
    rewards: Rewards | None
    note: Note

    def replace(
        self,
        batches: Sequence[Batch],
        seed: int,
        step: int,
        first: int = 0,
        mean_over_devices: Callable[[int], float] = float,
    ) -> list[Batch]:
        """The batches with some targets replaced; all of them are as wide as their rows need.

        With a reward they also have `advantages`, over the number of sequences that are sampled
        and trained on, and `weights` of the divergence: a number a row.

        Args:
            first: number of this device's first row.
            mean_over_devices: of a count.

        Raises:
            UsageError: nothing but empty outputs were sampled.
            DimsumError: a reward is no number, or there is not enough memory.
        """
        causal = self.student.spec.architecture == "causal"
        rows = [split_batch(batch, causal=causal) for batch in batches]
        positions = [(b, r) for b, part in enumerate(rows) for r in range(len(part))]
        chosen = self._draw(len(positions), seed, step, first)
        count = 1.0 if self.rewards is None else mean_over_devices(len(chosen)) or 1.0
        everything = self.objective.weights.pass_rate is not None
        asked = list(range(len(positions))) if everything else chosen
        prompts = [rows[b][r][0] for b, r in (positions[i] for i in asked)]
        groups = self._sample(prompts, [first + i for i in asked], seed, step)
        own = set(chosen)
        for i, group in zip(asked, groups, strict=True):
            if i in own:
                b, r = positions[i]
                rows[b][r] = (rows[b][r][0], list(group[0].tokens))
        device = batches[0]["input_ids"].device
        made = [
            {
                name: value.to(device)
                for name, value in self.collate(
                    [as_item(prompt, target, causal=causal) for prompt, target in part]
                ).items()
            }
            for part in rows
        ]
        if self.rewards is not None:
            rated = self.rewards.rate(prompts, groups) if asked else Rated.nothing()
            self.note("reward", rated.reward, len(asked))
            self.note("accepted", rated.accepted, len(asked))
            where = [positions[i] for i in asked]
            used = torch.tensor([i in own for i in asked])
            _spread(made, "advantages", where, rated.advantages * used / count, 0.0)
            _spread(made, "weights", where, rated.weights, 1.0)
        return made

    def _draw(self, count: int, seed: int, step: int, first: int) -> list[int]:
        """Which rows are sampled."""
        whole = self.objective.draw == "batch"
        streams = [_DRAWS + (0 if whole else first + i) for i in range(count)]
        draws = [draw_uniforms(seed, step, stream, 1)[0] for stream in streams]
        return [i for i, one in enumerate(draws) if one < self.objective.on_policy]

    def _sample(
        self, prompts: Sequence[list[int]], streams: Sequence[int], seed: int, step: int
    ) -> list[list[OwnOutput]]:
        """Samples of each prompt, of which the first is trained on."""
        times = 1 if self.rewards is None else self.rewards.settings.samples
        sampling = self.objective.sampling
        outputs = sample_outputs(
            self.student,
            [prompt for prompt in prompts for _ in range(times)],
            sampling,
            [
                draw_uniforms(seed, step, stream + k * _SAMPLES, sampling.max_new_tokens)
                for stream in streams
                for k in range(times)
            ],
            self.vocabulary,
        )
        if len(outputs) >= TRIED:
            refuse_empty(outputs, f"the student at step {step}")
        groups = [outputs[start : start + times] for start in range(0, len(outputs), times)]
        for group in groups:
            self.note("own_tokens", len(group[0].tokens), 1.0)
            self.note("own_ended", float(group[0].finish != "length"), 1.0)
        return groups


def _spread(
    batches: Sequence[Batch],
    name: str,
    positions: Sequence[tuple[int, int]],
    values: torch.Tensor,
    other: Any,
) -> None:
    """Give each row of the batches its value, and the other one to rows that have none."""
    for batch in batches:
        batch[name] = torch.full((len(batch["labels"]),), other, device=batch["labels"].device)
    for (b, r), value in zip(positions, values.tolist(), strict=True):
        batches[b][name][r] = value
