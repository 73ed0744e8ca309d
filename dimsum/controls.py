"""Control codes of texts: what a task's definition needs to know of a pair, measured on it."""

from __future__ import annotations

from dimsum.metrics.overlap import compression, density, find_fragments, rouge_l
from dimsum.metrics.words import split_words
from dimsum.tasks.base import Wording


def make_wording(source: str, target: str) -> Wording:
    """A pair as control codes see it."""
    words, said = split_words(source), split_words(target)
    return Wording(
        source=source,
        target=target,
        compression=compression(source, target),
        density_per_character=density(find_fragments(words, said), target, per="character"),
        rouge_l=rouge_l(words, said),
    )
