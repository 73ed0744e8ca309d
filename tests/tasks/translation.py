"""A made-up bilingual teacher, its dictionary as a measure, and translation as a task.

The second language has the grammar of the toy English and other words, so that its dictionary says
of every two sentences whether one translates the other.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from builder.measures.base import Batch, Column, Measure
from dimsum.tasks.base import ControlCode, HubWords, TaskDefinition
from tests.toys import PLACES, SUBJECTS, VERBS, sentence

if TYPE_CHECKING:
    from builder.measures.base import Floats

WORDS = sorted(set(" ".join((*SUBJECTS, *VERBS, *PLACES)).lower().split()))
DICTIONARY = {word: "".join(chr(ord("a") + (ord(c) - 84) % 26) for c in word) for word in WORDS}
"""English to the other language: every letter 13 places on."""


def translate(text: str) -> str:
    """The other language's sentence for a sentence of the toy English."""
    words = text.rstrip(".").lower().split()
    found = " ".join(DICTIONARY[word] for word in words)
    return f"{found[:1].upper()}{found[1:]}."


def bilingual_text(rng: random.Random, sentences: int = 5) -> str:
    """Sentences of both languages in turn: one is often followed by its translation."""
    found = []
    while len(found) < sentences:
        one = sentence(rng)
        found += rng.choice(([one, translate(one)], [translate(one), one], [one]))
    return "News: " + " ".join(found[:sentences])


def _compute(batch: Batch) -> dict[str, Floats]:
    import numpy as np

    back = {other: word for word, other in DICTIONARY.items()}
    values = []
    for source, target in batch.texts():
        words, said = (text.rstrip(".").lower().split() for text in (source, target))
        meant = [back.get(word) for word in said]
        values.append(float(len(words) == len(said) and words == meant))
    return {"word_by_word": np.array(values, dtype=np.float64)}


DICTIONARY_MEASURE = Measure(
    name="dictionary",
    columns=(Column("word_by_word", "whether it is the dictionary's translation", "0 or 1"),),
    cost="cheap",
    direction="forward",
    compute=_compute,
)

TRANSLATION = TaskDefinition(
    name="translation",
    noun="translation",
    plural="translations",
    verb="translate",
    verbs="translates",
    meaning="The target says in the other language what the source says in English",
    measures=("tests.tasks.translation:DICTIONARY_MEASURE",),
    rules={"word_by_word": {"min": 1}, "entail_forward": {"min": 0.05}},
    bounds={"word_by_word": {"min": 1}},
    directions=("forward",),
    codes=(ControlCode("translation", "the same in the other language", "Translate it."),),
    instruction="Translate it.",
    hub=HubWords("translation", "translation", "translation", "translation"),
    colours=("#5b3fa0", "#b8a4ea"),
)
