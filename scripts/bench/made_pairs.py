"""Pairs of sentences for benchmarks of stages over a whole corpus, as many as one likes.

The seed corpus are the texts of Python's own `help()` topics (60,000 words, 3,000 different ones).
A sentence is three to five runs of four to eight of their words, in which every fourth word is
another one, drawn from all words by how often they come. A target keeps, drops and replaces words
of its source. Of the rows

    80 in 100  stand alone,
    12 in 100  are variants of another row, each of a row of its own or nearly so,
     6 in 100  are variants in families whose sizes have a long tail,
     2 in 100  are variants of one of 200 rows, whose families grow as the corpus does;

a variant has up to six words of both its texts changed, so that its Jaccard similarity with the
row that it comes from lies anywhere from a half to one. Row i is the same in a corpus of any size
that has it, and can be made without those before it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from random import Random
from typing import Any

ALONE, PAIRED, TAILED = 0.80, 0.92, 0.98
REPEATED = 200
TASKS = ("summary", "paraphrase")


@lru_cache(maxsize=1)
def _read_seed() -> list[str]:
    from pydoc_data.topics import topics

    return re.findall(r"[a-z][a-z']+", " ".join(topics[name] for name in sorted(topics)).lower())


class Maker:
    """Makes rows by their numbers."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.words = _read_seed()

    def row(self, number: int) -> dict[str, Any]:
        """Row `number` as a decided pair has it: texts, task and scores."""
        rng = Random(f"{self.seed} {number}")
        source, target = self._texts(number, rng)
        scores = {"entail_forward": rng.random(), "entail_backward": rng.random()}
        return {
            "source": " ".join(source).capitalize() + ".",
            "target": " ".join(target).capitalize() + ".",
            "task": TASKS[self._base(number) % 2],
            "context_id": f"{number // 3:08x}",
            "continuation_id": f"{number // 9:08x}",
            **scores,
        }

    def _base(self, number: int) -> int:
        """The row that a row is a variant of, or itself."""
        if number < REPEATED:
            return number
        rng = Random(f"{self.seed} base {number}")
        kind = rng.random()
        if kind < ALONE:
            return number
        if kind < PAIRED:
            found = rng.randrange(number)
        elif kind < TAILED:  # of rows k with a probability that falls with 1 / k
            found = int(number ** rng.random())
        else:
            found = rng.randrange(REPEATED)
        return self._base(found)

    def _texts(self, number: int, rng: Random) -> tuple[list[str], list[str]]:
        base = self._base(number)
        source, target = self._alone(base)
        if base == number:
            return source, target
        for _ in range(rng.randint(0, 6)):
            text = source if rng.random() < 0.6 else target
            place, kind = rng.randrange(len(text)), rng.random()
            if kind < 0.6:
                text[place] = rng.choice(self.words)
            elif kind < 0.8:
                text.insert(place, rng.choice(self.words))
            elif len(text) > 4:
                del text[place]
        return source, target

    def _alone(self, number: int) -> tuple[list[str], list[str]]:
        rng, words = Random(f"{self.seed} alone {number}"), self.words
        source: list[str] = []
        for _ in range(rng.randint(3, 5)):
            start, length = rng.randrange(len(words) - 8), rng.randint(4, 8)
            source += words[start : start + length]
        source = [w if rng.random() < 0.75 else rng.choice(words) for w in source]
        kept = [w for w in source if rng.random() < 0.75]
        target = [w if rng.random() < 0.85 else rng.choice(words) for w in kept]
        return source, target or source[:1]
