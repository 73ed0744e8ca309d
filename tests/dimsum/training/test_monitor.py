"""When the curves of a reward and of a held-out critic have parted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from dimsum.objectives.reward_settings import Monitor, Reward
from dimsum.training.monitor import StopWhenParted, have_parted

CURVES: dict[str, tuple[list[float], list[float], int | None]] = {
    # name: reward, held out, the evaluation at which they have parted
    "both rise": ([0.2, 0.3, 0.4, 0.5, 0.6], [0.2, 0.25, 0.3, 0.35, 0.4], None),
    "hacked": ([0.2, 0.3, 0.4, 0.5, 0.6], [0.2, 0.25, 0.2, 0.15, 0.1], 3),
    "hacked from the first step on": ([0.2, 0.5, 0.8], [0.5, 0.4, 0.3], 2),
    "within the noise": ([0.2, 0.3, 0.4, 0.5, 0.6], [0.2, 0.25, 0.24, 0.235, 0.24], None),
    "once, then back": ([0.2, 0.3, 0.4, 0.5, 0.6], [0.2, 0.25, 0.2, 0.25, 0.2], None),
    "slowly": ([0.2, 0.21, 0.22, 0.23, 0.24, 0.25], [0.3, 0.29, 0.285, 0.278, 0.27, 0.26], 4),
    "both fall": ([0.5, 0.4, 0.3, 0.2], [0.5, 0.4, 0.3, 0.2], None),
    "the reward stands still": ([0.3, 0.3, 0.3, 0.3], [0.5, 0.4, 0.3, 0.2], None),
    "one evaluation": ([0.9], [0.1], None),
    "none": ([], [], None),
}


@pytest.mark.parametrize("name", list(CURVES))
def test_made_up_curves(name: str) -> None:
    rewards, held_out, expected = CURVES[name]
    settings = Monitor(fall=0.02, evaluations=2)
    found = [t for t in range(len(rewards) + 1) if have_parted(rewards[:t], held_out[:t], settings)]
    assert (min(found) - 1 if found else None) == expected


def test_its_settings_count() -> None:
    rewards, held_out = [0.1, 0.2, 0.3, 0.4], [0.5, 0.4, 0.3, 0.2]
    assert have_parted(rewards[:2], held_out[:2], Monitor(fall=0.05, evaluations=1))
    assert not have_parted(rewards[:2], held_out[:2], Monitor(fall=0.15, evaluations=1))
    assert not have_parted(rewards[:3], held_out[:3], Monitor(fall=0.05, evaluations=3))
    assert have_parted(rewards, held_out, Monitor(fall=0.05, evaluations=3))


def test_it_knows_after_an_interruption_what_it_knew() -> None:
    rewards: Any = SimpleNamespace(settings=Reward(), parted=None)
    log: list[dict[str, float]] = [{"loss": 1.0, "step": 1}]
    state, control = SimpleNamespace(log_history=log), SimpleNamespace(should_training_stop=False)
    monitor = StopWhenParted(rewards)
    for step, (reward, held_out) in enumerate([(0.2, 0.5), (0.3, 0.4), (0.4, 0.3)]):
        assert not control.should_training_stop
        log.append({"eval_reward": reward, "eval_held_out": held_out, "step": 4 * step})
        monitor.on_evaluate(None, state, control)
    assert control.should_training_stop and rewards.parted == 8
    control.should_training_stop = False
    again: Any = SimpleNamespace(settings=Reward(), parted=None)
    StopWhenParted(again).on_train_begin(None, state, control)
    assert control.should_training_stop and again.parted == 8
