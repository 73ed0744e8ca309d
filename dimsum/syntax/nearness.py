"""How near texts are to the trees that they were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from dimsum.syntax.control import SyntaxControl
from dimsum.syntax.parsers import find_parser
from dimsum.syntax.tree import measure_distance


def measure_distances(
    control: SyntaxControl, trees: Sequence[str], texts: Sequence[Sequence[str]]
) -> list[dict[str, float]]:
    """Tree edit distance of each text from the tree of its source, at the height that is shown.

    Args:
        trees: one for each source, as prompts show them; empty: any, which all are equally near to.
        texts: some for each source.

    Returns:
        for each source the distance of each of its texts, in nodes; infinite without a parse.

    Raises:
        DimsumError: the parser is not installed, or gives no trees.
    """
    parser = find_parser(control.parser)
    each = list(
        dict.fromkeys(
            text for tree, some in zip(trees, texts, strict=True) if tree for text in some
        )
    )
    parsed = dict(zip(each, parser.parse(each), strict=True))
    found = []
    for tree, some in zip(trees, texts, strict=True):
        wanted = parser.read(tree) if tree else None
        own: dict[str, float] = {}
        for text in some:
            if wanted is None:
                own[text] = 0.0
            elif (has := parsed[text]) is None:
                own[text] = inf
            else:
                own[text] = float(
                    measure_distance(has.trim(control.height), wanted.trim(control.height))
                )
        found.append(own)
    return found
