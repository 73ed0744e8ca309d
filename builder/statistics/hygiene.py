"""What should not be in a corpus, or not twice: duplicates, broken and odd texts, openings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from builder.near_duplicates.join import find_near_rows
from builder.statistics.frame import Frame
from builder.statistics.measured import Measured
from builder.statistics.pairs import opening
from builder.statistics.partition import ordered_parts
from builder.statistics.rowwise import mean_of
from builder.statistics.words import Array, differs, either, mix
from dimsum.language import UNKNOWN, detect_language

COLUMNS = ("identical", "empty", "too_short", "broken", "cut")
OPENINGS = 10


def hygiene(frame: Frame, word_list: str) -> tuple[list[Measured], dict[str, Any]]:
    """All measures of this group that need no model, and details that are no numbers.

    Args:
        word_list: name of the list of offensive words.
    """
    found = duplicates(frame)
    near, largest = near_duplicates(frame)
    found += near
    found += [mean_of(frame, name, frame.columns[name]) for name in COLUMNS]
    found.append(mean_of(frame, "length_outliers", length_outliers(frame), side="target"))
    for side in ("source", "target"):
        name = f"offensive_{side}"
        column = frame.columns[name]
        found.append(mean_of(frame, name, column, side=side, extra={"list": word_list}))
    overlaps = sorted(name for name in frame.columns if name.startswith("overlap_"))
    found += [mean_of(frame, name, frame.columns[name]) for name in overlaps]
    measured, openings = count_openings(frame)
    return found + measured, {"largest_chain_of_near_duplicates": largest, "openings": openings}


def duplicates(frame: Frame) -> list[Measured]:
    """Exact duplicates inside the corpus and across its splits."""
    source, target = frame.keys["source"], frame.keys["target"]
    pair = mix(source ^ mix(target))
    found = [
        mean_of(frame, name, _mark_repeated(keys), side=side)
        for name, side, keys in (
            ("duplicate_pairs", "pair", pair),
            ("duplicate_sources", "source", source),
            ("duplicate_targets", "target", target),
        )
    ]
    found.append(_if_split(frame, "duplicates_across", mark_shared(frame)))
    return found


def _mark_repeated(keys: Array) -> Array:
    """1 where another row has the same key."""
    found = np.zeros(len(keys))
    for order in ordered_parts(keys):
        same = np.flatnonzero(~differs(keys[order]))
        found[order[same - 1]] = found[order[same]] = 1
    return found


def mark_shared(frame: Frame) -> Array:
    """1 where a text of the row is also a text in another split."""
    texts = np.concatenate([frame.keys["source"], frame.keys["target"]])
    _, code = np.unique(frame.keys["split"], return_inverse=True)
    splits = np.tile(code.astype(np.min_scalar_type(len(frame.splits))), 2)
    mixed = np.zeros(len(texts), bool)
    for part in filter(len, ordered_parts(texts)):
        keys, own = texts[part], splits[part]
        first = np.flatnonzero(differs(keys))
        apart = np.minimum.reduceat(own, first) != np.maximum.reduceat(own, first)
        mixed[part] = np.repeat(apart, np.diff(np.append(first, len(part))))
    return either(mixed, frame.rows)


def _if_split(frame: Frame, name: str, values: Array) -> Measured:
    """A measure across splits; not defined where there is one split only."""
    if len(frame.splits) > 1:
        return mean_of(frame, name, values)
    return Measured(
        name, "pair", None, None, None, 0, frame.rows, seed=frame.seed, note="one split only"
    )


def near_duplicates(frame: Frame) -> tuple[list[Measured], int]:
    """Near-duplicates inside and across splits, and the rows of their longest chain."""
    rank = np.empty(frame.rows, np.int64)
    rank[frame.blocks.order] = np.arange(frame.rows)
    near = find_near_rows(
        frame.stream("shingles"), frame.lengths["shingles"], frame.keys["split"], rank
    )
    return [
        mean_of(frame, "near_duplicates", near.alike),
        mean_of(frame, "near_redundant", near.redundant),
        _if_split(frame, "near_across", near.across),
    ], near.largest


def length_outliers(frame: Frame) -> Array:
    """1 where a target is far longer than most (Tukey's outer fence)."""
    lengths = frame.columns["target_tokens"]
    low, high = np.quantile(lengths, [0.25, 0.75])
    return np.asarray(lengths > high + 3 * (high - low), np.float64)


def count_openings(frame: Frame) -> tuple[list[Measured], list[dict[str, Any]]]:
    """How many targets begin alike, and with what."""
    known, first, inverse, counts = np.unique(
        frame.keys["opening"], return_index=True, return_inverse=True, return_counts=True
    )
    by_count = np.lexsort((known, -counts))[:OPENINGS]
    _, targets = frame.texts(first[by_count])
    top = np.isin(inverse, by_count[:1]).astype(np.float64)
    ten = np.isin(inverse, by_count).astype(np.float64)
    return [
        mean_of(frame, "top_opening", top, side="target"),
        mean_of(frame, "top_ten_openings", ten, side="target"),
    ], [
        {"opening": opening(target), "rows": int(counts[i])}
        for i, target in zip(by_count, targets, strict=True)
    ]


def foreign(frame: Frame, size: int) -> tuple[Measured, dict[str, int]]:
    """Rows of a sample that are taken for another language than most of its texts, and how often
    for which."""
    rows = frame.sample(size, "language")
    sources, targets = frame.texts(rows)
    languages = [
        {found for text in pair if (found := detect_language(text)) is not None}
        for pair in zip(sources, targets, strict=True)
    ]
    tally = _tally(languages)
    own = next(iter(tally), UNKNOWN)
    values = np.full(frame.rows, np.nan)
    values[rows] = [float(bool(found - {own})) if found else np.nan for found in languages]
    extra = {"language": own}
    return mean_of(frame, "foreign", values, sample="language", extra=extra), tally


def _tally(languages: Sequence[set[str]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for found in languages:
        for language in found:
            counts[language] = counts.get(language, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
