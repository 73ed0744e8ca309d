"""Texts as numbers: tokens become 64-bit hashes once, and everything after works on arrays.

Two tokenisations of `dimsum.metrics.words` are in use, and every definition names its own.
`split_spaces` gives entropies, vocabulary and segments; `tokens`, the plain words, every overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

Array = np.ndarray[Any, np.dtype[Any]]

_MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def hash_text(text: str) -> int:
    """64 bits of BLAKE2b over the text's bytes; the same on every machine."""
    return int.from_bytes(
        blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little"
    )


def hash_texts(texts: Iterable[str]) -> Array:
    """`hash_text` of each, uint64."""
    return np.fromiter((hash_text(text) for text in texts), dtype=np.uint64)


def mix(values: Array, salt: int = 0) -> Array:
    """A bijection of uint64 that spreads every bit (the finaliser of splitmix64)."""
    x = values.astype(np.uint64) + np.uint64((salt * GOLDEN + GOLDEN) & _MASK)
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


def mark_either(flags: Array, pairs: int) -> Array:
    """For every pair whether a flag of its source or of its target, laid end to end, is set."""
    return np.asarray(flags.reshape(2, pairs).any(axis=0))


@dataclass(frozen=True)
class Encoded:
    """Token lists of many texts in one piece.

    Attributes:
        ids: number of each token among `distinct`, int32, texts end to end.
        lengths: tokens of each text, int64.
        distinct: the tokens themselves.
    """

    ids: Array
    lengths: Array
    distinct: list[str]

    @property
    def starts(self) -> Array:
        """Where each text begins in `ids`, and the end of the last."""
        return find_offsets(self.lengths)


def find_offsets(lengths: Array) -> Array:
    """Starts of pieces of these lengths laid end to end, and the end of the last, int64."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


def mark_changes(*columns: Array) -> Array:
    """Whether each record of sorted columns differs from the one before, bool; the first does.

    Args:
        columns: at least one, of the same length.
    """
    found = np.zeros(len(columns[0]), bool)
    found[:1] = True
    for column in columns:
        found[1:] |= column[1:] != column[:-1]
    return found


def encode(lists: Sequence[Sequence[str]]) -> Encoded:
    """Number the tokens of many texts."""
    lengths = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
    column = pa.array(chain.from_iterable(lists), type=pa.large_string()).dictionary_encode()
    ids = column.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    distinct: Any = column.dictionary.to_pylist()
    return Encoded(ids, lengths, distinct)


class Stream:
    """Hashes in a file, uint64, of which a part is read at a time.

    A memory map would count every page that was ever looked at as memory of the process.
    """

    _AT_ONCE = 1 << 16

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size // 8

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, places: slice | Array) -> Array:
        """A part of the file, or hashes at some places."""
        if isinstance(places, slice):
            start, stop, _ = places.indices(self.size)
            return np.fromfile(self.path, np.uint64, max(0, stop - start), offset=8 * start)
        found = np.empty(len(places), np.uint64)
        for first in range(0, len(places), self._AT_ONCE):
            # The map is given back after each so that its pages are.
            mapped = np.memmap(self.path, np.uint64, "r")
            found[first : first + self._AT_ONCE] = mapped[places[first : first + self._AT_ONCE]]
            del mapped
        return found


Tokens = Array | Stream
"""Hashes of tokens or shingles, texts end to end."""


def gather(tokens: Tokens, starts: Array, rows: Array) -> tuple[Array, Array]:
    """The tokens of some rows, end to end in the order of `rows`, and how many each has."""
    lengths = starts[rows + 1] - starts[rows]
    shifts = starts[rows] - find_offsets(lengths)[:-1]
    positions = np.repeat(shifts, lengths) + np.arange(int(lengths.sum()), dtype=np.int64)
    return tokens[positions], lengths


def hash_ngrams(tokens: Array, lengths: Array, order: int) -> tuple[Array, Array]:
    """A 64-bit key for every n-gram inside a text, and the number of its text.

    Args:
        tokens: hashes, uint64, texts end to end.
        lengths: tokens of each text.
        order: n. Texts with fewer tokens have none; no n-gram crosses the end of a text.
    """
    ends = np.repeat(find_offsets(lengths)[1:], lengths)
    here = np.flatnonzero(np.arange(len(tokens), dtype=np.int64) + order <= ends)
    keys = mix(tokens[here])
    for step in range(1, order):
        keys = mix(keys ^ (tokens[here + step] * np.uint64(GOLDEN)), step)
    texts = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)[here]
    return keys, texts
