"""What should not be in a corpus, or not twice: duplicates, broken and odd texts, openings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from builder.near_duplicates.join import find_near_rows
from builder.statistics.frame import Frame
from builder.statistics.measured import Measured
from builder.statistics.pairs import take_opening
from builder.statistics.partition import order_parts
from builder.statistics.rowwise import measure_mean
from builder.statistics.words import Array, mark_changes, mark_either, mix
from dimsum.language import UNKNOWN, detect_language

COLUMNS = ("identical", "empty", "too_short", "broken", "cut")
OPENINGS = 10


def measure_hygiene(frame: Frame, word_list: str) -> tuple[list[Measured], dict[str, Any]]:
    """All measures of this group that need no model, and details that are no numbers.

    Args:
        word_list: name of the list of offensive words.
    """
    found = measure_duplicates(frame)
    near, largest = measure_near_duplicates(frame)
    found += near
    found += [measure_mean(frame, name, frame.columns[name]) for name in COLUMNS]
    found.append(measure_mean(frame, "length_outliers", mark_length_outliers(frame), side="target"))
    for side in ("source", "target"):
        name = f"offensive_{side}"
        column = frame.columns[name]
        found.append(measure_mean(frame, name, column, side=side, extra={"list": word_list}))
    overlaps = sorted(name for name in frame.columns if name.startswith("overlap_"))
    found += [measure_mean(frame, name, frame.columns[name]) for name in overlaps]
    measured, openings = count_openings(frame)
    return found + measured, {"largest_chain_of_near_duplicates": largest, "openings": openings}


def measure_duplicates(frame: Frame) -> list[Measured]:
    """Exact duplicates inside the corpus and across its splits."""
    source, target = frame.keys["source"], frame.keys["target"]
    pair = mix(source ^ mix(target))
    found = [
        measure_mean(frame, name, _mark_repeated(keys), side=side)
        for name, side, keys in (
            ("duplicate_pairs", "pair", pair),
            ("duplicate_sources", "source", source),
            ("duplicate_targets", "target", target),
        )
    ]
    found.append(_measure_across(frame, "duplicates_across", mark_shared(frame)))
    return found


def _mark_repeated(keys: Array) -> Array:
    """1 where another row has the same key."""
    found = np.zeros(len(keys))
    for order in order_parts(keys):
        same = np.flatnonzero(~mark_changes(keys[order]))
        found[order[same - 1]] = found[order[same]] = 1
    return found


def mark_shared(frame: Frame) -> Array:
    """1 where a text of the row is also a text in another split."""
    texts = np.concatenate([frame.keys["source"], frame.keys["target"]])
    _, code = np.unique(frame.keys["split"], return_inverse=True)
    splits = np.tile(code.astype(np.min_scalar_type(len(frame.splits))), 2)
    mixed = np.zeros(len(texts), bool)
    for part in filter(len, order_parts(texts)):
        keys, own = texts[part], splits[part]
        first = np.flatnonzero(mark_changes(keys))
        apart = np.minimum.reduceat(own, first) != np.maximum.reduceat(own, first)
        mixed[part] = np.repeat(apart, np.diff(np.append(first, len(part))))
    return mark_either(mixed, frame.rows)


def _measure_across(frame: Frame, name: str, values: Array) -> Measured:
    """A measure across splits; not defined where there is one split only."""
    if len(frame.splits) > 1:
        return measure_mean(frame, name, values)
    return Measured(
        name, "pair", None, None, None, 0, frame.rows, seed=frame.seed, note="one split only"
    )


def measure_near_duplicates(frame: Frame) -> tuple[list[Measured], int]:
    """Near-duplicates inside and across splits, and the rows of their longest chain."""
    rank = np.empty(frame.rows, np.int64)
    rank[frame.blocks.order] = np.arange(frame.rows)
    near = find_near_rows(
        frame.stream("shingles"), frame.lengths["shingles"], frame.keys["split"], rank
    )
    return [
        measure_mean(frame, "near_duplicates", near.alike),
        measure_mean(frame, "near_redundant", near.redundant),
        _measure_across(frame, "near_across", near.across),
    ], near.largest


def mark_length_outliers(frame: Frame) -> Array:
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
        measure_mean(frame, "top_opening", top, side="target"),
        measure_mean(frame, "top_ten_openings", ten, side="target"),
    ], [
        {"opening": take_opening(target), "rows": int(counts[i])}
        for i, target in zip(by_count, targets, strict=True)
    ]


def measure_foreign(frame: Frame, size: int) -> tuple[Measured, dict[str, int]]:
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
    return measure_mean(frame, "foreign", values, sample="language", extra=extra), tally


def _tally(languages: Sequence[set[str]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for found in languages:
        for language in found:
            counts[language] = counts.get(language, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
