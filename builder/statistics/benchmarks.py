"""Overlap with named benchmark files: does a corpus hold what it may be judged by?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from builder.errors import ConfigError
from builder.statistics.words import (
    Array,
    Encoded,
    encode,
    hash_ngrams,
    hash_texts,
    mark_either,
    mix,
)
from dimsum.data.files import find_form, read_file_rows, read_lines
from dimsum.data.values import explain_not_text
from dimsum.metrics.words import split_words

LONG = 8
"""Words of a run that is too long to be shared by chance."""


@dataclass(frozen=True)
class Benchmark:
    """The texts of a benchmark, as keys.

    Attributes:
        texts: of every text, by its plain words; uint64, sorted.
        runs: of every run of `LONG` words; uint64, sorted.
    """

    texts: Array
    runs: Array

    @classmethod
    def read(cls, path: Path) -> Benchmark:
        """Read every text of a file: lines of a .txt, or all text columns of a data file.

        Raises:
            ConfigError: no such file, or no text in it.
        """
        if not path.is_file():
            raise ConfigError(
                f"no benchmark file at {path}", hint="check the path given to --benchmark"
            )
        words = encode([split_words(text) for text in _read_texts(path)])
        if len(words.ids) == 0:
            raise ConfigError(f"{path} holds no text", hint="a benchmark is a file of texts")
        hashed = mix(hash_texts(words.distinct))[words.ids]
        return cls(np.unique(_hash_texts(hashed, words)), np.unique(_hash_runs(hashed, words)[0]))

    def overlap(self, name: str, words: Encoded, hashed: Array, pairs: int) -> dict[str, Array]:
        """Columns: a text of the pair is one of the benchmark's, or shares a long run with one."""
        same = np.isin(_hash_texts(hashed, words), self.texts) & (words.lengths > 0)
        keys, texts = _hash_runs(hashed, words)
        shares = np.bincount(texts[np.isin(keys, self.runs)], minlength=2 * pairs) > 0
        return {
            f"overlap_{name}": mark_either(same, pairs),
            f"overlap_{name}_8gram": mark_either(shares, pairs),
        }


def _hash_texts(hashed: Array, words: Encoded) -> Array:
    """One key for each text: the sum of its words' keys, each mixed with its position."""
    positions = np.arange(len(hashed)) - np.repeat(words.starts[:-1], words.lengths)
    placed = mix(hashed ^ mix(positions.astype(np.uint64)))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(placed, dtype=np.uint64)])
    found: Array = sums[words.starts[1:]] - sums[words.starts[:-1]]
    return found


def _hash_runs(hashed: Array, words: Encoded) -> tuple[Array, Array]:
    return hash_ngrams(hashed, words.lengths, LONG)


def _read_texts(path: Path) -> Iterator[str]:
    if find_form(path) in (None, "txt"):
        yield from read_lines(path)
        return
    for row in read_file_rows(path):
        yield from _list_strings(list(row.values()))


def _list_strings(values: list[object]) -> list[str]:
    found: list[str] = []
    for value in values:
        if isinstance(value, str):
            found += [] if explain_not_text(value) else [value]
        elif isinstance(value, dict):
            found += _list_strings(list(value.values()))
        elif isinstance(value, list):
            found += _list_strings(value)
    return found
