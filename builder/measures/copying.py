"""copying: how much of the target is taken word by word from the source, and in how few pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder.measures.base import Batch, Column, Measure
from dimsum.metrics.overlap import find_fragments, lcs_length
from dimsum.metrics.words import split_words

if TYPE_CHECKING:
    from builder.measures.base import Floats


def compute(batch: Batch) -> dict[str, Floats]:
    """Shares of the target's words, and of the source's; a sentence without words has 0."""
    import numpy as np

    words = batch.sentences.each(split_words)
    rows = []
    for i, j in zip(batch.source.tolist(), batch.target.tolist(), strict=True):
        source, target = words[i], words[j]
        pieces = find_fragments(source, target)
        common = lcs_length(source, target)
        size = max(len(target), 1)
        rows.append(
            (
                common / size,
                common / max(len(source), 1),
                sum(pieces) / size,
                max(pieces, default=0) / size,
                len(pieces),
                _count_common_start(source, target) / size,
                _count_common_start(source[::-1], target[::-1]) / size,
            )
        )
    found = np.array(rows, dtype=np.float64).reshape(len(rows), len(MEASURE.columns))
    return {column.name: found[:, n] for n, column in enumerate(MEASURE.columns)}


def _count_common_start(a: list[str], b: list[str]) -> int:
    """How many words two lists begin with in common."""
    for count, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return count
    return min(len(a), len(b))


def _make_column(name: str, meaning: str) -> Column:
    return Column(name, meaning, "share", high=1.0)


MEASURE = Measure(
    name="copying",
    columns=(
        _make_column(
            "copied_in_order", "share of the target's words in the longest common subsequence"
        ),
        _make_column(
            "source_copied", "share of the source's words in the longest common subsequence"
        ),
        _make_column(
            "copied", "share of the target's words in fragments that it shares with the source"
        ),
        _make_column(
            "longest_copied", "share of the target's words in the longest shared fragment"
        ),
        Column("pieces", "fragments that the target shares with the source", "count"),
        _make_column("common_start", "share of the target's words before the first that differs"),
        _make_column("common_end", "share of the target's words after the last that differs"),
    ),
    cost="cheap",
    direction="forward",
    compute=compute,
)
