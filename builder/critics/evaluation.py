"""Measure an NLI critic: accuracy, and precision at thresholds and among the surest pairs.

Of all ordered pairs of a context a build lets one in a hundred pass: what passes there is chosen
for the critic's errors. So precision at a threshold, on data of which a third is entailed, says
little of a build, and precision among as small a share of the data says more.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from builder.critics.entailment import EntailmentCritic, Scores
from builder.critics.nli_data import ENTAILMENT, NliExample
from builder.critics.windows import CUT, IN_WINDOWS
from builder.validity.fit import measure_area

THRESHOLDS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
PASS_RATE = 0.01
"""Share of the ordered pairs of a context that reached 0.9 in builds with the embedded preset."""
FAR = 5
"""From so many times as many entailed pairs as a build lets pass, data are of another kind."""


@dataclass(frozen=True, slots=True)
class Point:
    """What passes at one threshold.

    Attributes:
        threshold: that P(entailment) has to reach.
        passed: examples that reach it.
        precision: share of those whose label is entailment, with a 95% Wilson interval.
        recall: share of the entailments that pass.
    """

    threshold: float
    passed: int
    precision: float
    low: float
    high: float
    recall: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A critic on one labelled file.

    Attributes:
        accuracy: of the likeliest of three labels.
        binary_accuracy: entailment against the rest, by the likeliest label.
        rate: pairs/s, the loading of the model not counted.
        base_rate: share of the examples whose label is entailment.
        area: under the ROC curve of P(entailment), entailment against the rest: the chance that
            an entailed example scores above another; None where all or none are entailed.
        surest: what passes at the threshold that only as many reach as in a build.
        in_windows: examples whose premise was read in windows (`builder.critics.windows`).
        cut: examples that were cut.
    """

    name: str
    n: int
    accuracy: float
    binary_accuracy: float
    rate: float
    thresholds: tuple[Point, ...]
    base_rate: float
    area: float | None
    surest: Point
    in_windows: int = 0
    cut: int = 0

    @property
    def is_far_from_a_build(self) -> bool:
        """Whether much more of the data is entailed than a build lets pass."""
        return self.base_rate > FAR * self.surest.passed / self.n

    def as_json(self) -> dict[str, Any]:
        """A JSON-able mapping."""
        return asdict(self)


def evaluate(
    critic: EntailmentCritic,
    examples: Sequence[NliExample],
    name: str,
    pass_rate: float = PASS_RATE,
) -> Evaluation:
    """Score every example and compare with its label.

    Args:
        pass_rate: share of the pairs that a build lets pass.
    """
    critic.long.clear()
    began = time.monotonic()
    scores = critic.score([(example.premise, example.hypothesis) for example in examples])
    seconds = time.monotonic() - began
    labels = [example.label for example in examples]
    found = summarise(scores, labels, name, seconds, pass_rate)
    return replace(found, in_windows=critic.long[IN_WINDOWS], cut=critic.long[CUT])


def summarise(
    scores: Scores,
    labels: Sequence[int],
    name: str,
    seconds: float,
    pass_rate: float = PASS_RATE,
) -> Evaluation:
    """Accuracies and thresholds from probabilities of shape (n, 3)."""
    truth = np.asarray(labels)
    likeliest = scores.argmax(axis=1)
    entails = truth == ENTAILMENT
    sureness = scores[:, ENTAILMENT]
    least = float(np.sort(sureness)[::-1][max(1, round(len(sureness) * pass_rate)) - 1])
    return Evaluation(
        name=name,
        n=len(truth),
        accuracy=float(np.mean(likeliest == truth)),
        binary_accuracy=float(np.mean((likeliest == ENTAILMENT) == entails)),
        rate=len(truth) / seconds if seconds else math.inf,
        thresholds=tuple(_make_point(sureness, entails, t) for t in THRESHOLDS),
        base_rate=float(entails.mean()),
        area=_measure_area(sureness, entails),
        surest=_make_point(sureness, entails, least),
    )


def _measure_area(score: Any, entails: Any) -> float | None:
    return None if entails.all() or not entails.any() else measure_area(score, entails)


def _make_point(score: Any, entails: Any, threshold: float) -> Point:
    passes = score >= threshold
    passed, right = int(passes.sum()), int((passes & entails).sum())
    low, high = wilson(right, passed)
    return Point(
        threshold=threshold,
        passed=passed,
        precision=right / passed if passed else 0.0,
        low=low,
        high=high,
        recall=right / int(entails.sum()) if entails.any() else 0.0,
    )


def wilson(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson score interval of a share; (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    scale = 1 + z * z / trials
    middle = (share + z * z / (2 * trials)) / scale
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)
