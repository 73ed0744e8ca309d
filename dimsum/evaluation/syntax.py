"""How far outputs are from a tree that was asked for.

Source: arXiv 2305.16635 v4, section 3.4, and AESOP (Sun et al. 2021): tree edit distance to the
reference and to the exemplar, of trees at height 3 and of whole ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dimsum.metrics.measured import Measured, measure_mean
from dimsum.syntax.parsers import Parser
from dimsum.syntax.tree import TOP, Parse, measure_distance


def measure_tree_distances(
    outputs: Sequence[str], others: Sequence[str], parser: Parser, name: str
) -> list[Measured]:
    """Mean TED-3 and TED-F of outputs to other texts, in nodes.

    Args:
        others: one for each output, such as its reference or its exemplar.
        name: of the others; the measures are `ted_3_NAME` and `ted_f_NAME`.

    Returns:
        means over the pairs of which both have a parse; the others have no part in them.

    Raises:
        DimsumError: the parser is not installed, or gives no trees.
    """
    trees = parser.parse([*outputs, *others])
    pairs = list(zip(trees[: len(outputs)], trees[len(outputs) :], strict=True))
    said = f"unit costs, nodes, words left out, parser {parser.name}"
    return [
        _average(f"ted_3_{name}", pairs, TOP, f"tree edit distance of {TOP} layers, {said}"),
        _average(f"ted_f_{name}", pairs, None, f"tree edit distance, {said}"),
    ]


def measure_unparsed(outputs: Sequence[str], parser: Parser) -> Measured:
    """Share of outputs, in percent, that the parser has no tree for; empty ones are such."""
    values = [100.0 * (tree is None) for tree in parser.parse(outputs)]
    return measure_mean(
        "no_parse", values, f"without a tree, parser {parser.name}, percent", "lower"
    )


def _average(
    name: str,
    pairs: Sequence[tuple[Parse | None, Parse | None]],
    height: int | None,
    signature: str,
) -> Measured:
    rows = [
        (0.0, 0.0)
        if a is None or b is None
        else (float(measure_distance(a.trim(height), b.trim(height))), 1.0)
        for a, b in pairs
    ]
    stats = np.asarray(rows, dtype=np.float64).reshape(-1, 2)
    return Measured(
        name,
        stats,
        lambda total, n: float(total[0] / total[1]) if total[1] else float("nan"),
        signature,
        better="lower",
    )
