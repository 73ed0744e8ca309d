"""A metric on a system's outputs: statistics of every example, and how they become one number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Measured:
    """One metric on one system.

    Attributes:
        name: of the metric.
        stats: of every example, shape (n, k); what the number is made of is additive.
        reduce: from the sum of some rows, shape (k,), and their count, to the number.
        signature: library, version and definition.
        better: "higher", "lower", or "" where neither is.
    """

    name: str
    stats: Array
    reduce: Callable[[Array, int], float]
    signature: str
    better: str = "higher"

    @property
    def n(self) -> int:
        """Examples."""
        return len(self.stats)

    @property
    def value(self) -> float:
        """The number on all examples."""
        return self.reduce(self.stats.sum(axis=0), self.n)


def measure_mean(
    name: str, values: Sequence[float], signature: str, better: str = "higher"
) -> Measured:
    """A metric that is the mean of a value of each example."""
    stats = np.asarray(values, dtype=np.float64).reshape(-1, 1)
    return Measured(name, stats, lambda total, n: float(total[0] / n), signature, better)
