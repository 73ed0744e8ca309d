"""The trees of released targets, and what they depend on."""

from __future__ import annotations

from typing import Any

from builder.config import BuildConfig
from dimsum.schema import SYNTAX
from dimsum.syntax.parsers import DEPENDENCY, PARSERS, find_parser

VERSION = 1
"""Raised when other trees are released for the same targets."""


def add_trees(rows: list[dict[str, Any]], config: BuildConfig) -> None:
    """Give rows without one their target's tree, where the configuration asks for trees.

    A target without a parse has none.

    Raises:
        DimsumError: the parser is not installed, or gives no trees.
    """
    asked = config.released_syntax
    if asked is None:
        return
    bare = [row for row in rows if row.get(SYNTAX.name) is None]
    trees = find_parser(asked.parser).parse([row["target"] for row in bare])
    for row, tree in zip(bare, trees, strict=True):
        row[SYNTAX.name] = None if tree is None else str(tree.trim(asked.height))


def describe_trees(config: BuildConfig) -> dict[str, Any]:
    """What the released trees depend on, for fingerprints; nothing where there are none."""
    asked = config.released_syntax
    if asked is None:
        return {}
    return {"syntax": [VERSION, asked.height], **describe_parser(asked.parser)}


def describe_parser(name: str) -> dict[str, Any]:
    """What the trees of a parser depend on, for fingerprints."""
    return {"parser": [name, PARSERS.source_hash(name, PARSERS.find(name))]}


def list_parser_libraries(name: str) -> tuple[str, ...]:
    """Libraries whose versions change the trees of a parser; of one's own its file says more."""
    return ("spacy",) if name == DEPENDENCY else ()


def list_trees_libraries(config: BuildConfig) -> tuple[str, ...]:
    """Likewise of the released trees."""
    asked = config.released_syntax
    return () if asked is None else list_parser_libraries(asked.parser)
