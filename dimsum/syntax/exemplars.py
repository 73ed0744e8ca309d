"""Exemplars for measuring syntax control: sentences built like the references, about other things.

Where people wrote exemplars, as for the sets of AESOP (Sun et al. 2021, after SGCP, Kumar et al.
2020), those are used. Where there are none, each is drawn from a pool: the sentence whose parts of
speech are nearest to the reference's, of those that share few words with source and reference.
English only.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dimsum.errors import UsageError

MOST_SHARED = 0.25
"""Share of a sentence's content words that its exemplar may have too."""
CONTENT = frozenset({"NOUN", "PROPN", "VERB", "ADJ", "NUM", "ADV"})


@dataclass(frozen=True)
class Shape:
    """A sentence as exemplars are chosen by it.

    Attributes:
        tags: part of speech of each token, a character each.
        words: lemmas of its content words.
    """

    tags: str
    words: frozenset[str]


def shapes_of(texts: Sequence[str]) -> list[Shape]:
    """Parts of speech and content words of each text.

    Raises:
        ModelError: spaCy's English pipeline is not installed.
    """
    from dimsum.english import nlp

    pipeline = nlp()
    idle = [name for name in ("parser", "ner") if name in pipeline.pipe_names]
    numbers: dict[str, str] = {}
    found = []
    with pipeline.select_pipes(disable=idle):
        for document in pipeline.pipe(texts, batch_size=64):
            tags = [numbers.setdefault(token.tag_, chr(97 + len(numbers))) for token in document]
            words = frozenset(t.lemma_.lower() for t in document if t.pos_ in CONTENT)
            found.append(Shape("".join(tags), words))
    return found


def nearest_exemplars(
    sources: Sequence[str], references: Sequence[str], pool: Sequence[str]
) -> list[str]:
    """An exemplar for each reference: the nearest of the pool in parts of speech (edit distance).

    Sentences with more than `MOST_SHARED` of the content words of the source or of the reference
    are passed over; of equally near ones the first is taken.

    Raises:
        UsageError: no sentence of the pool shares few enough words with a reference.
        ModelError: spaCy's English pipeline is not installed.
    """
    from rapidfuzz.distance import Levenshtein

    shapes = shapes_of([*sources, *references, *pool])
    count = len(sources)
    own, wanted, offered = shapes[:count], shapes[count : 2 * count], shapes[2 * count :]
    found = []
    for number, (source, reference) in enumerate(zip(own, wanted, strict=True)):
        free = [
            place
            for place, other in enumerate(offered)
            if not any(_shares_much(one.words, other.words) for one in (source, reference))
        ]
        if not free:
            raise UsageError(
                f"no sentence of the pool could be an exemplar of {references[number][:60]!r}",
                hint="give a larger pool, of other sentences",
            )
        found.append(
            min(free, key=lambda place: Levenshtein.distance(offered[place].tags, reference.tags))
        )
    return [pool[place] for place in found]


def _shares_much(words: frozenset[str], others: frozenset[str]) -> bool:
    return len(words & others) > MOST_SHARED * len(words)


def shuffled(
    exemplars: Sequence[str], takes: Callable[[int, str], bool], seed: int = 0, tries: int = 100
) -> list[str]:
    """The exemplars of other examples, drawn at random.

    Args:
        takes: whether the example of that number can be asked for that exemplar.
        tries: draws for an example; after them the last stands.
    """
    rng = random.Random(seed)
    found = []
    for number, own in enumerate(exemplars):
        others = (exemplars[rng.randrange(len(exemplars))] for _ in range(tries))
        other = own
        for other in others:
            if other != own and takes(number, other):
                break
        found.append(other)
    return found
