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
from builder.probe.settings import ProbeSettings
from builder.probe.texts import NextSentences
from builder.store import seed_of
from dimsum.metrics.words import bleu_tokeniser


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
    critic: EntailmentCritic, found: Sequence[NextSentences], settings: ProbeSettings
) -> list[Judged]:
    """Judge a random draw of the pairs of every context and temperature.

    The second direction is asked only where the first says entailment.
    """
    of = [(one, pair) for one in found for pair in _pairs(one, settings)]
    pairs = [pair for _, pair in of]
    forward = [i for i, says in enumerate(_says(critic, pairs)) if says]
    backward = _says(critic, [pairs[i][::-1] for i in forward])
    mutual = {i for i, says in zip(forward, backward, strict=True) if says}
    bleu = bleu_of_pairs(pairs)
    return [
        Judged(one.document, one.length, one.temperature, *pair, i in mutual, bleu[i])
        for i, (one, pair) in enumerate(of)
    ]


def _pairs(of: NextSentences, settings: ProbeSettings) -> list[tuple[str, str]]:
    every = list(combinations(of.sentences, 2))
    seed = seed_of(settings.seed, of.document, of.length, f"{of.temperature:g}")
    return random.Random(seed).sample(every, min(settings.pairs, len(every)))


def _says(critic: EntailmentCritic, pairs: Sequence[tuple[str, str]]) -> list[bool]:
    """Whether entailment is the likeliest label; a pair that did not fit into memory is none."""
    return [bool(row[0] > max(row[1], row[2])) for row in critic.score(pairs)]


def bleu_of_pairs(pairs: Sequence[tuple[str, str]]) -> list[float]:
    """BLEU of each pair, one sentence against the other, mean of both directions."""
    from sacrebleu.metrics.bleu import BLEU

    tokeniser = bleu_tokeniser([text for pair in pairs for text in pair])
    score = BLEU(effective_order=True, tokenize=tokeniser).sentence_score
    return [(score(a, [b]).score + score(b, [a]).score) / 2 for a, b in pairs]
