"""Trees without words: in brackets, trimmed to a height, and how far two are from each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from dimsum.errors import UsageError

TOP = 3
"""Layers of a tree that TED-3 compares."""
MOST_LAYERS = 200
"""Of a tree in brackets; no sentence has so many."""


class TreeError(UsageError):
    """A text that is not one tree in brackets."""


class ParserMismatch(UsageError):
    """Trees of two parsers: their labels and layers mean different things."""


@dataclass
class Tree:
    """A node with its label and its children, in order."""

    name: str
    children: list[Tree] = field(default_factory=list)

    def trim(self, height: int) -> Tree:
        """The first layers; the root is the first."""
        below = [child.trim(height - 1) for child in self.children] if height > 1 else []
        return Tree(self.name, below)

    @property
    def height(self) -> int:
        """How many layers there are."""
        return 1 + max((child.height for child in self.children), default=0)

    def nodes(self) -> Iterator[Tree]:
        """Every node, a parent before its children."""
        yield self
        for child in self.children:
            yield from child.nodes()


@dataclass(frozen=True)
class Parse:
    """A sentence's tree, and the name of the parser that made it."""

    parser: str
    tree: Tree

    def trim(self, height: int | None) -> Parse:
        """The first layers; all where there is no height."""
        return self if height is None else Parse(self.parser, self.tree.trim(height))

    def __str__(self) -> str:
        """As columns hold it: the parser's name and the brackets."""
        return f"{self.parser} {linearise(self.tree)}"


def measure_distance(a: Parse, b: Parse) -> int:
    """Least nodes to insert, remove or rename that make one tree the other (APTED, unit costs).

    Source: Pawlik and Augsten (2016), Tree edit distance: Robust and memory-efficient.

    Raises:
        ParserMismatch: the trees are of two parsers.
    """
    from apted import APTED

    if a.parser != b.parser:
        raise ParserMismatch(
            f"trees of two parsers cannot be compared: {a.parser} and {b.parser}",
            hint="parse both sentences with one parser",
        )
    return int(APTED(a.tree, b.tree).compute_edit_distance())


def linearise(tree: Tree) -> str:
    """A tree in brackets, such as (S (NP) (VP))."""
    return f"({' '.join([tree.name, *map(linearise, tree.children)])})"


_BRACKETS = re.compile(r"[()]|[^\s()]+")
_NAMED = re.compile(r"(dependency|[\w.]+:\w+)\s+(?=\()")
"""The name of a parser before the brackets."""
_CUT = re.compile(r"\([^\s()]*\s*\(")


def read_brackets(text: str) -> Tree:
    """The tree of a text in brackets; words, which are not in brackets of their own, are left out.

    Raises:
        TreeError: the text is not one tree: brackets that do not match, a node without a label
            below the root, or too many layers.
    """
    root = Tree("")
    path = [root]
    fresh = False
    parts = _BRACKETS.findall(text)
    for index, part in enumerate(parts):
        if part == "(":
            node = Tree("")
            path[-1].children.append(node)
            path.append(node)
            fresh = True
        elif part == ")":
            path.pop()
            fresh = False
        elif len(path) == 1:
            raise _make_tree_error(text)
        elif fresh:
            path[-1].name = part
            fresh = False
        ended = len(path) <= 1 and index + 1 < len(parts)
        if not path or ended or len(path) > MOST_LAYERS:
            raise _make_tree_error(text)
    if len(path) != 1 or not root.children:
        raise _make_tree_error(text)
    tree = root.children[0]
    if any(not node.name for node in tree.nodes() if node is not tree):
        raise _make_tree_error(text)
    return tree


def split_name(text: str) -> tuple[str, str]:
    """The parser's name before a tree in brackets, empty where none stands there, and the rest."""
    text = text.strip()
    found = _NAMED.match(text)
    return (found.group(1), text[found.end() :]) if found else ("", text)


def looks_like_tree(text: str) -> bool:
    """Whether a text is meant as a tree in brackets and not as a sentence.

    A tree that was cut off, which begins with two brackets that open, is meant as one too.
    """
    rest = split_name(text)[1]
    return rest.startswith("(") and (rest.endswith(")") or _CUT.match(rest) is not None)


def _make_tree_error(text: str) -> TreeError:
    return TreeError(
        f"not one tree in brackets: {text[:60]!r}",
        hint="a tree is written as (S (NP) (VP)): every bracket closed, a label in each",
    )
