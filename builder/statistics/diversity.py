"""Measures of a whole side: entropies, distinct shares, segments, Self-BLEU, compressibility."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from builder.statistics.blocks import average_independent
from builder.statistics.frame import Frame
from builder.statistics.measured import Measured
from builder.statistics.ngrams import Counts, count, count_pieces
from builder.statistics.segments import ROWS, measure_segment_ratios, put_in_order
from builder.statistics.self_bleu import self_bleu
from builder.statistics.words import Array, find_offsets, gather
from dimsum.metrics.bootstrap import LEVEL, RESAMPLES

SIDES = ("source", "target")
SELF_BLEU_TEXTS = 1000
ZLIB_PIECE = 1000
ZLIB_PIECES = 20
ZLIB_LEVEL = 6
OF_COUNTS = {
    1: (("distinct_1", "distinct_share"), ("vocabulary", "distinct")),
    2: (("h2", "entropy"), ("distinct_2", "distinct_share"), ("unique_2", "distinct")),
    3: (("h3", "entropy"), ("distinct_3", "distinct_share"), ("unique_3", "distinct")),
}
"""Measures by the order of the n-grams whose counts give them."""


def measure_counts(frame: Frame, side: str) -> list[Measured]:
    """Entropies, distinct shares and vocabulary of all rows, with replicates."""
    tokens, lengths = frame.stream(side), frame.lengths[side]
    how = f"{LEVEL:.0%} bootstrap of jackknife pseudo-values, {RESAMPLES} replicates, "
    how += f"{frame.blocks.count} blocks"
    found = []
    for order in OF_COUNTS:
        counts = count(tokens, lengths, order, frame.blocks)
        for name, what in OF_COUNTS[order]:
            low, high = counts.interval(what)
            found.append(
                Measured(
                    name,
                    side,
                    getattr(counts, what),
                    low,
                    high,
                    rows=frame.rows,
                    of=frame.rows,
                    seed=frame.seed,
                    interval=how if low is not None else "none",
                    note="" if counts.total else f"no text has {order} tokens",
                )
            )
    return found


def measure_sample(frame: Frame, side: str, rows: Array) -> dict[str, float | None]:
    """The same measures of some rows, and MSTTR of them, without intervals."""
    tokens, starts = frame.stream(side), find_offsets(frame.lengths[side])
    ordered = np.sort(rows)  # counts do not depend on the order, and a file is read in its own
    total = int((starts[rows + 1] - starts[rows]).sum())
    found: dict[str, float | None] = {}
    for order, names in OF_COUNTS.items():
        pieces = (
            (*gather(tokens, starts, ordered[first : first + ROWS]), None)
            for first in range(0, len(rows), ROWS)
        )
        counts: Counts = count_pieces(pieces, total, order)
        found |= {name: getattr(counts, what) for name, what in names}
    texts = put_in_order(tokens, frame.lengths[side], rows)
    for length, ratios in measure_segment_ratios(texts).items():
        found[f"msttr_{length}"] = 100 * float(np.mean(ratios)) if len(ratios) else None
    return found


def measure_segments(frame: Frame, side: str) -> list[Measured]:
    """MSTTR at each segment length."""
    texts = put_in_order(frame.stream(side), frame.lengths[side], frame.blocks.order)
    found = []
    for length, ratios in measure_segment_ratios(texts).items():
        note = "" if len(ratios) else f"fewer than {length} tokens"
        name = f"msttr_{length}"
        found.append(_measure_parts(frame, name, side, 100 * ratios, "segments", frame.rows, note))
    return found


def measure_self_bleu(frame: Frame, side: str, texts: int = SELF_BLEU_TEXTS) -> Measured:
    """Self-BLEU of a sample of one side."""
    rows = frame.sample(texts, "self-bleu")
    scores = self_bleu(*gather(frame.stream(side), find_offsets(frame.lengths[side]), rows))
    note = "" if len(scores) else "one text has no other to be compared with"
    values = 100 * scores
    return _measure_parts(frame, "self_bleu", side, values, "texts", len(rows), note, "self-bleu")


def measure_zlib(frame: Frame, side: str) -> Measured:
    """Compressibility of a sample of one side, in pieces of one size."""
    rows = frame.sample(ZLIB_PIECE * ZLIB_PIECES, "zlib")
    ratios = measure_zlib_ratios(frame.texts(rows)[SIDES.index(side)])
    short = len(rows) < ZLIB_PIECE
    note = f"one piece of {len(rows)} texts, smaller than a whole one" if short else ""
    return _measure_parts(frame, "zlib_ratio", side, ratios, "pieces", len(rows), note, "zlib")


def _measure_parts(
    frame: Frame,
    name: str,
    side: str,
    values: Array,
    parts: str,
    rows: int,
    note: str,
    sample: str = "all",
) -> Measured:
    """The mean of independent parts, such as segments or texts, by the bootstrap over them."""
    how = f"{LEVEL:.0%} bootstrap of {len(values)} {parts}, {RESAMPLES} replicates"
    return Measured(
        name,
        side,
        *average_independent(values, frame.seed),
        rows=rows,
        of=frame.rows,
        sample=sample,
        seed=frame.seed,
        interval=how if len(values) > 1 else "none",
        note=note,
    )


def measure_zlib_ratios(texts: Sequence[str]) -> Array:
    """Raw over compressed bytes of each whole piece; of all texts if there is no whole one."""
    whole = max(1, len(texts) // ZLIB_PIECE)
    found = []
    for number in range(whole):
        raw = "\n".join(texts[number * ZLIB_PIECE : (number + 1) * ZLIB_PIECE]).encode()
        found.append(len(raw) / len(zlib.compress(raw, ZLIB_LEVEL)))
    return np.asarray(found)
