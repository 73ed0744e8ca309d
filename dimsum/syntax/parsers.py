"""Parsers: functions from sentences to trees in brackets.

The one that is shipped gives spaCy's dependency trees, offline; any other, such as a constituency
parser, is named as `module:function`. Words are left out of all trees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dimsum.errors import DimsumError, UsageError
from dimsum.plugins import Plugins
from dimsum.syntax.tree import (
    Parse,
    ParserMismatch,
    Tree,
    TreeError,
    linearise,
    read_brackets,
    split_name,
)

DEPENDENCY = "dependency"
SENTENCES = "text"
"""Label above the sentences of a text in a dependency tree."""
ROOTS = ("", "ROOT", "TOP")
"""Labels above a constituency tree that say nothing."""

Brackets = Callable[[list[str]], Sequence[str]]
"""From sentences to trees in brackets, such as (S (NP (DT The) (NN dog)) ...); an empty text is no
parse."""


def parse_dependencies(texts: list[str]) -> list[str]:
    """spaCy's dependency trees in brackets: relations for labels, sentences under one root.

    Raises:
        ModelError: spaCy's English pipeline is not installed.
    """
    from dimsum.english import load_nlp

    pipeline = load_nlp()
    found = []
    needed = [n for n in ("tok2vec", "tagger", "parser") if n in pipeline.pipe_names]
    with pipeline.select_pipes(enable=needed):
        for document in pipeline.pipe(texts, batch_size=64):
            roots = [_make_subtree(sentence.root) for sentence in document.sents if len(sentence)]
            found.append(linearise(Tree(SENTENCES, roots)) if roots else "")
    return found


def _make_subtree(token: Any) -> Tree:
    return Tree(token.dep_ or "dep", [_make_subtree(child) for child in token.children])


def _check_function(found: object, reference: str) -> Brackets:
    if not callable(found):
        raise UsageError(
            f"the parser {reference} is no function",
            hint="name a function from sentences to trees like (S (NP (DT The) ...",
        )
    return found


PARSERS: Plugins[Brackets] = Plugins("parser", _check_function, {DEPENDENCY: parse_dependencies})


@dataclass(frozen=True)
class Parser:
    """A parser by its name."""

    name: str
    brackets: Brackets

    def parse(self, texts: Sequence[str]) -> list[Parse | None]:
        """The tree of each text; None for one without words, or for which the parser has none.

        Raises:
            DimsumError: not one tree a text, or what is not a tree.
            ModelError: the parser is not installed.
        """
        said = [index for index, text in enumerate(texts) if text.strip()]
        trees = list(self.brackets([texts[index] for index in said])) if said else []
        if len(trees) != len(said):
            raise DimsumError(
                f"the parser {self.name} gave {len(trees)} trees for {len(said)} sentences",
                hint="it is to give one tree for each sentence, an empty text where there is none",
            )
        found: list[Parse | None] = [None] * len(texts)
        for index, tree in zip(said, trees, strict=True):
            if tree.strip():
                found[index] = self._read(tree)
        return found

    def read(self, text: str) -> Parse:
        """A tree that a person or a table gives, with the parser's name before it or without.

        Raises:
            TreeError: it is not one tree in brackets.
            ParserMismatch: it names another parser.
        """
        name, brackets = split_name(text)
        if name and name != self.name:
            raise ParserMismatch(
                f"the tree is of the parser {name}, and {self.name} is asked for",
                hint=f"give a tree of {self.name}, or a sentence as an exemplar",
            )
        return self._read(brackets)

    def _read(self, brackets: str) -> Parse:
        tree = read_brackets(brackets)
        if self.name == DEPENDENCY:
            whole = tree if tree.name == SENTENCES else Tree(SENTENCES, [tree])
        else:
            whole = tree.children[0] if tree.name in ROOTS and len(tree.children) == 1 else tree
        if not whole.name:
            raise TreeError(
                f"a tree without a label at its root: {brackets[:60]!r}",
                hint="a tree is written as (S (NP) (VP))",
            )
        return Parse(self.name, whole)


def find_parser(reference: str = DEPENDENCY) -> Parser:
    """A parser by its name.

    Args:
        reference: `dependency`, `module:function`, or the name that an installed package gives.

    Raises:
        UsageError: there is none.
    """
    return Parser(reference, PARSERS.find(reference))
