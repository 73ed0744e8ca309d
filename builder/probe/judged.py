"""Pairs of next sentences, judged in both directions, with how alike they read.

Two sentences are equivalent when each entails the other: entailment is the critic's likeliest
label in both directions.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from builder.critics.entailment import EntailmentCritic
from builder.probe.draws import NextSentences
from builder.probe.settings import ProbeSettings
from builder.store import seed_of

BLEU = "sacrebleu sentence BLEU, effective order, mean of both directions, 0 to 100"


@dataclass(frozen=True, slots=True)
class Judged:
    """One unordered pair of distinct next sentences of one context and temperature."""

    document: int
    length: int
    temperature: float
    first: str
    second: str
    equivalent: bool
    bleu: float


def judge_draws(
    critic: EntailmentCritic,
    found: Sequence[NextSentences],
    settings: ProbeSettings,
) -> list[Judged]:
    """Judge a random draw of the pairs of every context and temperature.

    The second direction is asked only where the first says entailment.
    """
    drawn = [(one, pair) for one in found for pair in _pairs(one, settings)]
    forward = _says(critic, [pair for _, pair in drawn])
    again = [index for index, says in enumerate(forward) if says]
    backward = _says(critic, [drawn[index][1][::-1] for index in again])
    mutual = {index for index, says in zip(again, backward, strict=True) if says}
    bleu = bleu_of_pairs([pair for _, pair in drawn])
    return [
        Judged(
            of.document,
            of.length,
            of.temperature,
            *pair,
            equivalent=index in mutual,
            bleu=bleu[index],
        )
        for index, (of, pair) in enumerate(drawn)
    ]


def _pairs(of: NextSentences, settings: ProbeSettings) -> list[tuple[str, str]]:
    every = list(combinations(of.sentences, 2))
    seed = seed_of(settings.seed, of.document, of.length, f"{of.temperature:g}")
    return random.Random(seed).sample(every, min(settings.pairs, len(every)))


def _says(critic: EntailmentCritic, pairs: Sequence[tuple[str, str]]) -> list[bool]:
    """Whether entailment is the likeliest label; a pair that did not fit into memory is none."""
    scores = critic.score(pairs)
    return [bool(row[0] > max(row[1], row[2])) for row in scores]


def bleu_of_pairs(pairs: Sequence[tuple[str, str]]) -> list[float]:
    """BLEU of each pair, one sentence against the other, mean of both directions."""
    from sacrebleu.metrics.bleu import BLEU as Metric

    metric = Metric(effective_order=True)
    return [
        (metric.sentence_score(a, [b]).score + metric.sentence_score(b, [a]).score) / 2
        for a, b in pairs
    ]
