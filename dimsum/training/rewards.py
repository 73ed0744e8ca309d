"""Rewards of a student's own outputs: who gives them, and what a step makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from dimsum.errors import DimsumError, UsageError
from dimsum.models import make_public_name
from dimsum.objectives.reinforce import measure_advantages
from dimsum.objectives.reward_settings import Reward
from dimsum.objectives.settings import GKD, PassRate
from dimsum.objectives.weights import weigh_by_pass_rate
from dimsum.tasks import TaskDefinition
from dimsum.training.examples import make_prompt_key
from dimsum.training.own_outputs import OwnOutput, draw_uniforms, sample_outputs
from dimsum.training.teacher import count_vocabulary
from dimsum.writing import take_first_line

if TYPE_CHECKING:
    from dimsum.student import Student
    from dimsum.training.data import Prepared
    from dimsum.training.recipe import Recipe

Floats = np.ndarray[Any, np.dtype[np.float64]]

TRIED = 8
"""Prompts that a student samples for before it is trained."""
TRIED_SAMPLES = 4
"""Of each of them, where there is a reward."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a student wrote for a source under a control code (a task's name without codes)."""

    source: str
    code: str
    text: str


class Judge(Protocol):
    """What rewards outputs."""

    @property
    def identity(self) -> str:
        """Of all that its values depend on."""

    def reward(self, outputs: Sequence[Written]) -> Floats:
        """The reward of each, shape (len(outputs),)."""

    def observe(self, outputs: Sequence[Written]) -> Mapping[str, float]:
        """Means of what is shown beside the reward, `held_out` among it: a reward by a critic that
        gives none.
        """


OpenJudge = Callable[[Reward, tuple[TaskDefinition, ...]], Judge]
"""Opens what a reward's settings name. UsageError: there is no such thing."""


@dataclass(frozen=True)
class Rated:
    """What the samples of a step came to.

    Attributes:
        advantages: of each prompt's first sample, float64, shape (prompts,).
        weights: of each prompt's divergence, shape (prompts,).
        reward: mean over all samples.
        accepted: share of them.
    """

    advantages: torch.Tensor
    weights: torch.Tensor
    reward: float
    accepted: float

    @classmethod
    def nothing(cls) -> Rated:
        """Of no samples."""
        return cls(torch.zeros(0), torch.zeros(0), 0.0, 0.0)


class Rewards:
    """The rewards of a training.

    Args:
        asked: source and control code of each prompt, by `make_prompt_key`.

    Attributes:
        parted: the step at which the reward and the held-out one had parted.
    """

    def __init__(
        self,
        settings: Reward,
        pass_rate: PassRate | None,
        judge: Judge,
        student: Student,
        asked: Mapping[bytes, tuple[str, str]],
    ) -> None:
        self.settings, self.pass_rate, self.judge = settings, pass_rate, judge
        self.student, self.asked = student, asked
        self.parted: int | None = None

    def facts(self) -> dict[str, Any]:
        """What a student's description keeps of them."""
        return {"identity": self.judge.identity, "parted_at_step": self.parted}

    def of(self, prompts: Sequence[list[int]], outputs: Sequence[OwnOutput]) -> Floats:
        """The reward of each output.

        Raises:
            DimsumError: one is no number.
        """
        texts = self.student.tokenizer.batch_decode(
            [list(output.tokens) for output in outputs], skip_special_tokens=True
        )
        written = [
            Written(*self.asked[make_prompt_key(prompt)], take_first_line(text))
            for prompt, text in zip(prompts, texts, strict=True)
        ]
        return self.of_texts(written)

    def of_texts(self, written: Sequence[Written]) -> Floats:
        """As `of`, of outputs that are text."""
        found = np.asarray(self.judge.reward(written), dtype=np.float64)
        if found.shape != (len(written),):
            raise DimsumError(
                f"the reward has the shape {found.shape} for {len(written)} outputs",
                hint="it gives one number an output",
            )
        missing = np.flatnonzero(~np.isfinite(found))
        if len(missing):
            first = written[int(missing[0])]
            raise DimsumError(
                f"the reward of {len(missing)} of {len(found)} outputs is no number, the first "
                f"of {first.text!r} for {first.source!r}",
                hint="objective.reward.value must have a value for every pair of texts",
            )
        return found

    def observe(self, written: Sequence[Written]) -> dict[str, float]:
        """Means of the reward, of what is accepted and of what is shown beside.

        Raises:
            DimsumError: a reward is no number, or the held-out one is none.
        """
        found = self.of_texts(written)
        observed = dict(self.judge.observe(written))
        if not np.isfinite(observed["held_out"]):
            raise DimsumError(
                f"the held-out reward of {len(written)} outputs is no number",
                hint="objective.reward.held_out must name a critic that reads every pair of texts",
            )
        accepted = (found >= self.settings.accept).mean()
        return {"reward": float(found.mean()), "accepted": float(accepted), **observed}

    def rate(self, prompts: Sequence[list[int]], groups: Sequence[Sequence[OwnOutput]]) -> Rated:
        """Advantages and weights of prompts, of each of which there are equally many samples."""
        each = [prompt for prompt, group in zip(prompts, groups, strict=True) for _ in group]
        found = self.of(each, [output for group in groups for output in group])
        rewards = torch.from_numpy(found.reshape(len(prompts), -1))
        accepted = (rewards >= self.settings.accept).double()
        weights = torch.ones(len(prompts), dtype=torch.float64)
        if self.pass_rate is not None:
            weights = weigh_by_pass_rate(accepted.mean(1), self.pass_rate.a, self.pass_rate.b)
        return Rated(
            measure_advantages(rewards), weights, rewards.mean().item(), accepted.mean().item()
        )


def open_reward(recipe: Recipe, open_judge: OpenJudge | None) -> Judge | None:
    """What gives the rewards of a recipe, if it has any, with its models loaded.

    Raises:
        UsageError: there is nobody to open them, or as `open_judge`.
    """
    objective = recipe.objective
    if not isinstance(objective, GKD) or not objective.samples_own or objective.reward is None:
        return None
    if open_judge is None:
        raise UsageError(
            "a reward needs models that train does not open itself",
            hint="give train(..., open_judge=...) as docs/distillation.md has it",
        )
    return open_judge(objective.reward, recipe.definitions)


def open_rewards(
    recipe: Recipe, student: Student, prepared: Prepared, judge: Judge | None
) -> Rewards | None:
    """The rewards of a recipe, if it has any, once the student's samples can be learnt from.

    Args:
        judge: what `open_reward` gave.

    Raises:
        UsageError: no output to watch them on, or nothing to learn: all that the student samples
            is empty, or all of it has the same reward.
        DimsumError: the reward of an output is no number.
    """
    objective = recipe.objective
    if not isinstance(objective, GKD) or not objective.samples_own:
        return None
    rewards = None
    if objective.reward is not None and judge is not None:
        known = {**student.spec.trained, **prepared.encoding.trained}
        if not any(known.get(code) for _, code in prepared.sample):
            raise UsageError(
                "without outputs for validation sources nobody sees a reward go wrong",
                hint="set sample_pairs to 32 or more, and give validation pairs of the codes that "
                "are trained",
            )
        rate, asked = objective.weights.pass_rate, prepared.encoding.asked or {}
        rewards = Rewards(objective.reward, rate, judge, student, asked)
    rows = [prepared.train.row(i)[0] for i in range(min(TRIED, len(prepared.train)))]
    name = f"the student {make_public_name(recipe.student)}"
    check_own_outputs(student, name, objective, rows, recipe.seed, rewards)
    return rewards


def check_own_outputs(
    student: Student,
    name: str,
    objective: GKD,
    prompts: Sequence[list[int]],
    seed: int,
    rewards: Rewards | None = None,
) -> None:
    """Refuse, before the first step, a student whose samples teach it nothing.

    Args:
        name: of the student, for the message.

    Raises:
        UsageError: all that it samples is empty, or all of it has the same reward.
        DimsumError: the reward of an output is no number.
    """
    times = 1 if rewards is None else TRIED_SAMPLES
    changes = {"max_new_tokens": 1} if rewards is None else {}
    settings = objective.sampling.model_copy(update=changes)
    repeated = [row for row in prompts for _ in range(times)]
    numbers = [draw_uniforms(seed, 0, i, settings.max_new_tokens) for i in range(len(repeated))]
    vocabulary = count_vocabulary(student.tokenizer)
    found = sample_outputs(student, repeated, settings, numbers, vocabulary)
    refuse_empty(found, name)
    if rewards is None:
        return
    values = rewards.of(repeated, found)
    if len(values) > 1 and np.ptp(values) == 0:
        raise UsageError(
            f"the reward is {values[0]:g} for all {len(values)} outputs that {name} sampled: "
            "there is nothing to learn from it",
            hint="train the student on the pairs first, or widen objective.reward.within",
        )


def refuse_empty(outputs: Sequence[OwnOutput], name: str) -> None:
    """Refuse samples that are all empty.

    Raises:
        UsageError: they are.
    """
    if outputs and all(one.finish == "eos" and len(one.tokens) == 1 for one in outputs):
        raise UsageError(
            f"{name} writes nothing: {len(outputs)} of {len(outputs)} outputs that it sampled "
            "are empty",
            hint="train it on the pairs first, or set objective.lambda to 0",
        )
