"""tree_distance: how differently two sentences are built; taken where a build names it.

Source: arXiv 2305.16635 v4 keeps a pair whose constituency trees (CoreNLP) are at least 12 edits
apart. A dependency tree, the default here, has a node for each token and a constituency tree more,
so the same bound asks for more of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder.measures.base import Batch, Column, Measure
from dimsum.syntax.tree import TOP, measure_distance

if TYPE_CHECKING:
    from builder.measures.base import Floats

MOST_NODES = 150
"""Of a tree that is compared: the distance takes time cubic in the tree."""


def compute(batch: Batch) -> dict[str, Floats]:
    """Tree edit distances, unit costs; NaN where a sentence has no parse or too large a tree."""
    import numpy as np

    assert batch.models is not None
    found = [
        None if parse is None or sum(1 for _ in parse.tree.nodes()) > MOST_NODES else parse
        for parse in batch.sentences.all(batch.models.parser().parse)
    ]

    def apart(i: int, j: int) -> tuple[float, float]:
        a, b = found[i], found[j]
        if a is None or b is None:
            return np.nan, np.nan
        return float(measure_distance(a, b)), float(measure_distance(a.trim(TOP), b.trim(TOP)))

    pairs = zip(batch.source.tolist(), batch.target.tolist(), strict=True)
    values = np.array([apart(i, j) for i, j in pairs], dtype=np.float64)
    whole, top = values.reshape(-1, 2).T
    return {"tree_distance": whole, "tree_distance_3": top}


MEASURE = Measure(
    name="tree_distance",
    columns=(
        Column(
            "tree_distance",
            "tree edit distance of source and target: nodes to insert, remove or rename, words "
            "left out",
            "nodes",
        ),
        Column("tree_distance_3", "the same of the top three layers of the trees", "nodes"),
    ),
    cost="model",
    direction="symmetric",
    compute=compute,
    models=("parser",),
)
