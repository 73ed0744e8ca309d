"""Intervals that measures must lie in: the rules of a task, and the wider bounds before them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from dimsum.settings import Settings


class Bound(Settings):
    """An interval that a measure must lie in, both ends included; an end left out is open."""

    min: float | None = Field(None, description="lower end; empty: open")
    max: float | None = Field(None, description="upper end; empty: open")

    @model_validator(mode="after")
    def _ordered(self) -> Bound:
        if self.lowest > self.highest:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self

    @property
    def lowest(self) -> float:
        """The lower end as a number."""
        return -math.inf if self.min is None else self.min

    @property
    def highest(self) -> float:
        """The upper end as a number."""
        return math.inf if self.max is None else self.max

    def holds(self, value: float | None) -> bool:
        """Whether a measured value satisfies the bound; a value never measured does not."""
        return value is not None and self.lowest <= value <= self.highest

    def within(self, outer: Bound) -> bool:
        """Whether everything that satisfies this bound satisfies `outer`."""
        return outer.lowest <= self.lowest and self.highest <= outer.highest


def _drop_empty(rules: Any) -> Any:
    if isinstance(rules, Mapping):
        return {name: bound for name, bound in rules.items() if bound is not None}
    return rules


Rules = Annotated[dict[str, Bound], BeforeValidator(_drop_empty)]
"""Bounds by measure; null in the place of one takes away what the settings begin from."""
