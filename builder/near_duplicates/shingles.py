"""Word shingles of a pair, as keys: what near-duplicates are compared by.

A row's set is the word 3-grams of its source and of its target, distinguished by side. A text of
fewer words is one shingle, and a text without a word is compared as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from builder.statistics.words import (
    Array,
    Encoded,
    encode,
    hash_ngrams,
    hash_text,
    hash_texts,
    mark_changes,
    mix,
)
from dimsum.metrics.words import split_words

SHINGLE = 3


def make_sets(
    names: Sequence[str], sources: Sequence[str], targets: Sequence[str]
) -> tuple[Array, Array]:
    """Keys of the shingles of each pair, each once, pairs end to end; and how many each has.

    A shingle is marked by its side and by a name, such as the pair's task, so a paraphrase is
    never alike to a summary.
    """
    words = encode([split_words(text) for text in (*sources, *targets)])
    hashed = hash_texts(words.distinct)[words.ids] if len(words.ids) else np.zeros(0, np.uint64)
    elements, lengths = make_shingles(sources, targets, words, hashed)
    of = {name: hash_text(name) for name in set(names)}
    marks = np.fromiter((of[name] for name in names), np.uint64, len(names))
    return mix(elements ^ np.repeat(marks, lengths)), lengths


def make_shingles(
    source: Sequence[str], target: Sequence[str], words: Encoded, hashed: Array
) -> tuple[Array, Array]:
    """Shingle keys of each row, each once, rows end to end, and how many each row has.

    Args:
        words: plain words of the sources, then of the targets.
        hashed: their hashes.
    """
    pairs = len(source)
    keys, texts = hash_ngrams(hashed, words.lengths, SHINGLE)
    short = np.flatnonzero(words.lengths < SHINGLE)
    starts = words.starts
    short_keys = np.fromiter(
        (_hash_whole(words, int(i), starts, source, target) for i in short), np.uint64, len(short)
    )
    keys, texts = np.concatenate([keys, short_keys]), np.concatenate([texts, short])
    keys = np.where(texts < pairs, mix(keys, 1), mix(keys, 2))
    rows = texts % max(pairs, 1)
    order = np.lexsort((keys, rows))
    keys, rows = keys[order], rows[order]
    new = mark_changes(keys, rows)
    keys, rows = keys[new], rows[new]
    return keys, np.bincount(rows, minlength=pairs)


def _hash_whole(
    words: Encoded, text: int, starts: Array, source: Sequence[str], target: Sequence[str]
) -> int:
    ids = words.ids[starts[text] : starts[text + 1]]
    if len(ids):
        return hash_text(" ".join(words.distinct[i] for i in ids))
    return hash_text(source[text] if text < len(source) else target[text - len(source)])
