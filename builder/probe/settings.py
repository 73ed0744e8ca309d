"""What the proximity probe draws, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass

LENGTHS = (1, 2, 3, 4, 5)
"""Sentences of a context, as in section 2 of arXiv 2305.16635 v4."""
LAYERS = ("middle", "last")


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """One run of the probe.

    Attributes:
        teacher: a model reference; continues texts.
        critic: a model reference; judges pairs.
        documents: texts whose first sentences are the contexts.
        samples: next sentences of each context at each temperature (paper: 100).
        pairs: of distinct sentences judged for each context and temperature, at most.
        temperatures: of the next sentences; two or more, ascending.
        top_p: of all sampling.
        max_new_tokens: of a next sentence.
        seed: of all chance.
        replicates: of the bootstrap over documents.
    """

    teacher: str
    critic: str
    documents: int = 20
    samples: int = 10
    pairs: int = 20
    temperatures: tuple[float, ...] = (0.3, 0.7, 1.0)
    top_p: float = 0.9
    max_new_tokens: int = 48
    seed: int = 0
    replicates: int = 2000
