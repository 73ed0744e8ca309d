"""Settings of a model of P(valid) that chooses what the critic reads."""

from __future__ import annotations

from pydantic import Field

from dimsum.settings import Settings


class PriorBound(Settings):
    """Which pairs of a task the critic reads."""

    min: float = Field(0.0, ge=0, lt=1, description="pairs below are not read")
    most: int | None = Field(None, ge=1, description="most pairs of a context that are read")


class PriorConfig(Settings):
    """Which pairs the critic reads at all, by a model of P(valid) that needs no critic."""

    model: str = Field(description="JSON of `dimsum calibrate --before-critic`, or embedded:NAME")
    tasks: dict[str, PriorBound] = Field(
        default_factory=dict, description="bounds by task; of a task without one all are read"
    )
