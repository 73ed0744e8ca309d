"""The measures that rules can bound: a name, what it means, and what it costs."""

from __future__ import annotations

CHEAP_MEASURES: dict[str, str] = {
    "compression": "characters of the target over characters of the source",
    "rouge_l": "ROUGE-L F1 of source and target",
    "density": "squared lengths of shared fragments over the target's tokens",
    "numbers_forward": "share of the target's numbers that the source has",
    "numbers_backward": "share of the source's numbers that the target has",
    "names_forward": "share of the target's names that the source has",
    "names_backward": "share of the source's names that the target has",
    "cosine": "cosine of the sentence embeddings of source and target",
}
"""Measured on every ordered pair, before any critic."""

CRITIC_MEASURES: dict[str, str] = {
    "entail_forward": "the critic's P(source entails target)",
    "entail_backward": "the critic's P(target entails source)",
    "neutral_backward": "the critic's P(target is neutral to source)",
}
"""Measured by the entailment critic on the pairs that remain."""

MEASURES: dict[str, str] = {**CHEAP_MEASURES, **CRITIC_MEASURES}
