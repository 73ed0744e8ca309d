"""lost: what the target leaves out of the source, by what it is to the part that it keeps.

A conjunct or an aside can mostly go; without a restriction a claim becomes broader, without an
argument it becomes another one, and without its head a reported claim becomes the writer's own.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from builder.analysis import OF_ANALYSIS, Analysis, analyse_all
from builder.measures.base import Batch, Column, Measure

if TYPE_CHECKING:
    from builder.measures.base import Floats

MEANINGS = {
    "conjunct": "of equal rank with a part that it has",
    "aside": "set off by a comma",
    "restriction": "that narrow a part that it has",
    "argument": "that a part that it has needs",
    "head": "on which a part that it has hangs",
}
"""By kind, as in `builder.analysis.Kind`, and the heads."""


def compute(batch: Batch) -> dict[str, Floats]:
    """Counts of lost parts, by kind."""
    import numpy as np

    found = batch.sentences.all(analyse_all)
    pairs = zip(batch.source.tolist(), batch.target.tolist(), strict=True)
    counts = [count_lost(found[i], found[j]) for i, j in pairs]
    return {
        _name_column(kind): np.array([count[kind] for count in counts], dtype=np.float64)
        for kind in MEANINGS
    }


def count_lost(source: Analysis, target: Analysis) -> Counter[str]:
    """Parts of the source that the target lacks, by what they are to a word that it has.

    The words that it has are those of a longest common subsequence. A part counts once, at its
    topmost word; a lost word on which a word that it has hangs counts as `head`.
    """
    from rapidfuzz.distance import LCSseq

    there = [False] * len(source.tokens)
    for block in LCSseq.opcodes(source.tokens, target.tokens):
        if block.tag == "equal":
            there[block.src_start : block.src_end] = [True] * (block.src_end - block.src_start)
    lost: Counter[str] = Counter()
    needed = set()
    for position, head in enumerate(source.heads):
        if there[position]:
            needed.add(head)
        elif there[head]:
            lost[source.kinds[position]] += 1
    lost["head"] = sum(not there[head] for head in needed)
    return lost


def _name_column(kind: str) -> str:
    return f"lost_{kind}s"


MEASURE = Measure(
    name="lost",
    columns=tuple(
        Column(_name_column(kind), f"parts of the source that the target lacks, {meaning}", "count")
        for kind, meaning in MEANINGS.items()
    ),
    cost="cheap",
    direction="forward",
    compute=compute,
    libraries=OF_ANALYSIS,
)
