"""Tree edit distance of source and target: how differently two sentences are built.

Dependency trees come from spaCy without a network; constituency trees from whatever parser is
given. Words are left out of both, so only structure counts.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from builder.errors import BuilderError, ConfigError
from builder.statistics.frame import Frame
from builder.statistics.measured import Measured
from builder.statistics.rowwise import mean_of

TOP = 3
MOST_TOKENS = 120
"""A text of more tokens is left out: the distance takes time cubic in the tree."""


@dataclass
class Tree:
    """A node with its label and its children, in order."""

    name: str
    children: list[Tree] = field(default_factory=list)

    def top(self, layers: int) -> Tree:
        """The first layers; the root is the first."""
        below = [child.top(layers - 1) for child in self.children] if layers > 1 else []
        return Tree(self.name, below)


def distance(a: Tree, b: Tree) -> int:
    """Least insertions, deletions and renamings of nodes that make one tree the other (APTED)."""
    from apted import APTED

    return int(APTED(a, b).compute_edit_distance())


def dependency(frame: Frame, size: int) -> list[Measured]:
    """TED-3 and TED-F of dependency trees over a sample."""
    return _distances(frame, size, dependency_trees, "ted", {})


def constituency(frame: Frame, parser: str, size: int) -> list[Measured]:
    """The same of constituency trees, by the parser that is given."""
    parse = load_parser(parser)

    def trees(texts: Sequence[str]) -> list[Tree | None]:
        found = parse(list(texts))
        if len(found) != len(texts):
            raise BuilderError(
                f"{parser} gave {len(found)} trees for {len(texts)} sentences",
                hint="the parser is to print one tree for each sentence it is given",
            )
        return [parse_brackets(tree) if tree.strip() else None for tree in found]

    return _distances(frame, size, trees, "constituency_ted", {"parser": parser})


def _distances(
    frame: Frame,
    size: int,
    parse: Callable[[Sequence[str]], list[Tree | None]],
    prefix: str,
    extra: dict[str, str],
) -> list[Measured]:
    rows = frame.sample(size, "trees")
    sources, targets = frame.texts(rows)
    short = [
        max(len(source.split()), len(target.split())) <= MOST_TOKENS
        for source, target in zip(sources, targets, strict=True)
    ]
    rows = rows[np.asarray(short, bool)]
    sources = [text for text, keep in zip(sources, short, strict=True) if keep]
    targets = [text for text, keep in zip(targets, short, strict=True) if keep]
    values = {name: np.full(frame.rows, np.nan) for name in (f"{prefix}_3", f"{prefix}_f")}
    pairs = zip(rows, parse(sources), parse(targets), strict=True)
    for row, a, b in pairs:
        if a is not None and b is not None:
            values[f"{prefix}_3"][row] = distance(a.top(TOP), b.top(TOP))
            values[f"{prefix}_f"][row] = distance(a, b)
    return [
        mean_of(frame, name, column, sample="trees", extra=extra) for name, column in values.items()
    ]


def dependency_trees(texts: Sequence[str]) -> list[Tree | None]:
    """A tree for each text, its sentences under one root; None for a text without a token."""
    from builder.sentences import nlp

    pipeline = nlp()
    found: list[Tree | None] = []
    needed = [n for n in ("tok2vec", "tagger", "parser") if n in pipeline.pipe_names]
    with pipeline.select_pipes(enable=needed):
        for document in pipeline.pipe(texts, batch_size=64):
            roots = [_subtree(sentence.root) for sentence in document.sents if len(sentence)]
            found.append(Tree("text", roots) if roots else None)
    return found


def _subtree(token: Any) -> Tree:
    return Tree(token.dep_, [_subtree(child) for child in token.children])


def load_parser(reference: str) -> Callable[[list[str]], list[str]]:
    """A function from sentences to bracketed trees, by `module:function`.

    Raises:
        ConfigError: no such module or function.
    """
    module, _, name = reference.partition(":")
    try:
        found: Callable[[list[str]], list[str]] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"there is no parser {reference}",
            hint="module:function, a function from sentences to trees like (S (NP (DT The) ...",
        ) from error
    return found


_BRACKETS = re.compile(r"[()]|[^\s()]+")


def parse_brackets(text: str) -> Tree:
    """A constituency tree from its brackets; words, which are not in brackets, are left out.

    Raises:
        BuilderError: brackets that do not match.
    """
    root = Tree("")
    path = [root]
    fresh = False
    for part in _BRACKETS.findall(text):
        if part == "(":
            node = Tree("")
            path[-1].children.append(node)
            path.append(node)
            fresh = True
        elif part == ")":
            path.pop()
            fresh = False
            if not path:
                break
        elif fresh:
            path[-1].name = part
            fresh = False
    if len(path) != 1 or len(root.children) != 1:
        raise BuilderError(
            f"not one tree in brackets: {text[:60]!r}",
            hint="the parser is to print one tree in brackets for each sentence",
        )
    tree = root.children[0]
    only = (
        tree.children[0] if tree.name in ("", "ROOT", "TOP") and len(tree.children) == 1 else None
    )
    return only or tree
