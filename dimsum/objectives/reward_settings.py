"""What a student's own outputs are rewarded for, as settings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dimsum.settings import Settings

Within = dict[str, dict[str, dict[Literal["min", "max"], float]]]
"""Ends of intervals, by task and measure."""

ENTAILMENT = "entailment"


class Monitor(Settings):
    """When reward and held-out reward have parted (`dimsum.training.monitor`)."""

    fall: float = Field(
        0.02, gt=0, description="below its best, by which the held-out reward has to fall"
    )
    evaluations: int = Field(
        2, ge=1, description="in a row at which it is so, after which the training stops"
    )


class Reward(Settings):
    """A reward of what the student samples, beside the divergence.

    What is maximised is (1 - alpha) E[reward] - alpha divergence: distillation with reinforcement
    of arXiv 2306.13649.
    """

    alpha: float = Field(
        0.5, ge=0, le=1, description="share of the divergence; 1: the reward is only shown"
    )
    value: str = Field(
        ENTAILMENT,
        min_length=1,
        description="entailment, in the directions of each task; or a column of a measure",
    )
    reverse: bool = Field(False, description="less of the column is better")
    measures: tuple[str, ...] = Field(
        (), description="that are not always taken: names, or your own as module:name"
    )
    within: Within | None = Field(
        None,
        description="by task and measure, outside of which the reward is 0; empty: the rules of "
        "each task, but for entailment",
    )
    obey: bool = Field(True, description="no reward for an output that its control code forbids")
    critic: str = Field("embedded:critic", description="reference of the critic that rewards")
    held_out: str | None = Field(
        None,
        description="critic that gives no reward; empty: of an ensemble of two the first, and the "
        "second rewards alone",
    )
    build: str = Field(
        "embedded", description="preset or YAML of a build, whose other models measures ask"
    )
    accept: float = Field(0.5, description="an output of at least this reward is accepted")
    samples: int = Field(
        1,
        ge=1,
        description="of each prompt; the first is trained on, the others give its baseline and "
        "the rate of accepted ones",
    )
    monitor: Monitor = Monitor()
