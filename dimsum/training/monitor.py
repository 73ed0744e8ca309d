"""When a reward no longer stands for what it was meant to: the monitor of a rewarded training.

A student that is trained on a critic's verdict learns, beside what convinces everybody, what
convinces this critic alone (Gao et al. 2023, Scaling laws for reward model overoptimization). A
critic that gives no reward shows it: its own value falls while the reward still rises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import TrainerCallback

from dimsum.objectives.reward_settings import Monitor
from dimsum.training.rewards import Rewards


def have_parted(rewards: Sequence[float], held_out: Sequence[float], settings: Monitor) -> bool:
    """Whether two curves have parted by their last evaluation.

    At an evaluation they are apart if the held-out reward lies more than `fall` below its best
    so far, and the reward above what it was at that best. They have parted when they were apart
    at each of the last `evaluations`.

    Args:
        rewards: mean reward at each evaluation, the first before the training.
        held_out: the same by a critic that gives no reward.
    """
    last = range(len(rewards) - settings.evaluations, len(rewards))
    return last[0] > 0 and all(_are_apart(rewards, held_out, at, settings.fall) for at in last)


def _are_apart(rewards: Sequence[float], held_out: Sequence[float], at: int, fall: float) -> bool:
    best = max(range(at + 1), key=lambda i: held_out[i])  # the first of equal ones
    return held_out[best] - held_out[at] > fall and rewards[at] > rewards[best]


class StopWhenParted(TrainerCallback):  # type: ignore[misc]
    """Ends a training whose reward and held-out reward have parted.

    It reads the log, which a checkpoint holds, and so knows after an interruption what it knew.

    Args:
        rewards: learn the step at which it is so.
    """

    def __init__(self, rewards: Rewards) -> None:
        self.rewards = rewards

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A training that was stopped and not finished stops again at once."""
        self._look(state, control)

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """As in transformers' TrainerCallback."""
        self._look(state, control)

    def _look(self, state: Any, control: Any) -> None:
        found = [entry for entry in state.log_history if "eval_held_out" in entry]
        rewards, held_out = (
            [entry[name] for entry in found] for name in ("eval_reward", "eval_held_out")
        )
        if have_parted(rewards, held_out, self.rewards.settings.monitor):
            self.rewards.parted = int(found[-1]["step"])
            control.should_training_stop = True
