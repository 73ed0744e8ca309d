"""Everything that one pair says by itself, for a piece of a corpus at a time.

A column has one value a row, a float64 or a Boolean. NaN means that the value is not defined for
this row (compression of an empty source, say) and never leaves this package: such rows are left
out of a mean, and the mean says over how many rows it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from builder.near_duplicates.shingles import make_shingles
from builder.statistics.alignment import MAX_WORDS, ORDERS, Alignment, align
from builder.statistics.benchmarks import Benchmark
from builder.statistics.corpus import Rows
from builder.statistics.offensive import OffensiveWords
from builder.statistics.words import (
    Array,
    Encoded,
    encode,
    hash_texts,
    mark_either,
    mix,
)
from dimsum.metrics.overlap import measure_f1
from dimsum.metrics.words import is_latin, split_spaces, split_words
from dimsum.tasks.summary import EXTRACTIVE_FROM

OPENING = 3
"""Tokens of a target that make its opening."""
SHORT = 3
"""A target with fewer tokens is too short to be a sentence."""
OTHER_SCRIPT = "other_script"
"""The column of rows with a text that is not Latin, whose words are split otherwise."""
_BROKEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd]")


@dataclass(frozen=True)
class Options:
    """What the pass over the rows looks for besides what it always measures."""

    offensive: OffensiveWords
    benchmarks: Mapping[str, Benchmark] = field(default_factory=dict)


@dataclass
class Piece:
    """What is kept of a piece.

    Attributes:
        columns: a value a row, by name.
        keys: uint64 a row, by name: source, target, split, opening.
        streams: hashes end to end, by name: source, target (spaced tokens), shingles.
        lengths: of each row's part in a stream.
    """

    columns: dict[str, Array]
    keys: dict[str, Array]
    streams: dict[str, Array]
    lengths: dict[str, Array]


def measure_piece(rows: Rows, options: Options) -> Piece:
    """Measure a piece of a corpus."""
    pairs = len(rows)
    both = [*rows.source, *rows.target]
    tokens = encode([split_spaces(text) for text in both])
    word_lists = [split_words(text) for text in both]
    words = encode(word_lists)
    aligned = align(words, pairs)
    columns = _measure_sizes(rows, tokens, pairs)
    columns |= _measure_strategy(columns, aligned)
    columns["jaccard"] = _measure_jaccard(rows)
    columns |= _measure_hygiene(rows, columns, word_lists, options)
    columns["cut"] = mark_either(words.lengths > MAX_WORDS, pairs)
    other = np.fromiter((not is_latin(text) for text in both), bool, 2 * pairs)
    columns[OTHER_SCRIPT] = mark_either(other, pairs)
    hashed = _hash(tokens)
    border = int(tokens.lengths[:pairs].sum())
    row_shingles, shingle_lengths = make_shingles(rows.source, rows.target, words, _hash(words))
    for name, benchmark in options.benchmarks.items():
        columns |= benchmark.overlap(name, words, _hash(words), pairs)
    return Piece(
        columns=columns,
        keys={
            "source": hash_texts(rows.source),
            "target": hash_texts(rows.target),
            "split": hash_texts(rows.split),
            "opening": hash_texts([take_opening(text) for text in rows.target]),
        },
        streams={
            "source": hashed[:border],
            "target": hashed[border:],
            "shingles": row_shingles,
        },
        lengths={
            "source": tokens.lengths[:pairs],
            "target": tokens.lengths[pairs:],
            "shingles": shingle_lengths,
        },
    )


def _hash(encoded: Encoded) -> Array:
    if not encoded.distinct:
        return np.zeros(0, np.uint64)
    found: Array = mix(hash_texts(encoded.distinct))[encoded.ids]
    return found


def _divide(part: Array, whole: Array) -> Array:
    """Part over whole, NaN where there is no whole."""
    found: Array = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return found


def _measure_sizes(rows: Rows, tokens: Encoded, pairs: int) -> dict[str, Array]:
    def characters(texts: Sequence[str]) -> Array:
        return np.fromiter(map(len, texts), np.float64, len(texts))

    return {
        "source_characters": characters(rows.source),
        "target_characters": characters(rows.target),
        "source_tokens": tokens.lengths[:pairs].astype(np.float64),
        "target_tokens": tokens.lengths[pairs:].astype(np.float64),
    }


def _measure_strategy(sizes: Mapping[str, Array], aligned: Alignment) -> dict[str, Array]:
    """Compression, coverage, density, ROUGE-L, novelty; of an empty target all but 1 are 0."""
    words = np.maximum(aligned.target, 1)
    some = aligned.lcs > 0
    rouge_l = np.zeros(len(some))
    rouge_l[some] = measure_f1(aligned.lcs[some], aligned.source[some], aligned.target[some])
    characters = np.maximum(sizes["target_characters"], 1)
    extractiveness = np.maximum(aligned.squares / characters, rouge_l)
    columns = {
        "compression": _divide(sizes["target_characters"], sizes["source_characters"]),
        "coverage": aligned.shared / words,
        "density": aligned.squares / words,
        "rouge_l": rouge_l,
        "extractiveness": extractiveness,
        "abstractive": extractiveness < EXTRACTIVE_FROM,
    }
    for column, order in enumerate(ORDERS):
        possible = np.maximum(aligned.target - order + 1, 0)
        columns[f"novel_{order}"] = _divide(aligned.novel[:, column], possible)
    return columns


def _measure_jaccard(rows: Rows) -> Array:
    """Shared over all different lower-cased spaced tokens; two texts without one are alike."""
    found = np.ones(len(rows))
    for i, (source, target) in enumerate(zip(rows.source, rows.target, strict=True)):
        a, b = set(split_spaces(source.lower())), set(split_spaces(target.lower()))
        shared = len(a & b)
        union = len(a) + len(b) - shared
        if union:
            found[i] = shared / union
    return found


def _measure_hygiene(
    rows: Rows,
    sizes: Mapping[str, Array],
    words: Sequence[Sequence[str]],
    options: Options,
) -> dict[str, Array]:
    pairs = len(rows)
    both = list(zip(rows.source, rows.target, strict=True))

    def column(values: Sequence[bool]) -> Array:
        return np.fromiter(values, bool, pairs)

    empty = (sizes["source_tokens"] == 0) | (sizes["target_tokens"] == 0)
    listed = options.offensive
    return {
        "identical": column([source == target for source, target in both]),
        "empty": empty,
        "too_short": sizes["target_tokens"] < SHORT,
        "broken": column(
            [bool(_BROKEN.search(source) or _BROKEN.search(target)) for source, target in both]
        ),
        "offensive_source": column(
            [listed.matches(w, t) for w, t in zip(words[:pairs], rows.source, strict=True)]
        ),
        "offensive_target": column(
            [listed.matches(w, t) for w, t in zip(words[pairs:], rows.target, strict=True)]
        ),
    }


def take_opening(target: str) -> str:
    """The first tokens of a target, in lower case."""
    return " ".join(split_spaces(target.lower())[:OPENING])
