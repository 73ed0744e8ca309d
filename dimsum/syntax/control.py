"""What a student is asked for by a tree: an exemplar, whose tree is taken, or the tree itself.

Source: arXiv 2305.16635 v4, section 3.4: the target's tree stands beside the source in training,
and the tree of an exemplar in its place afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from dimsum.errors import UsageError
from dimsum.syntax.parsers import DEPENDENCY, find_parser
from dimsum.syntax.tree import (
    Parse,
    ParserMismatch,
    TreeError,
    linearise,
    looks_like_tree,
    split_name,
)

MOST_TIMES = 3
"""Words that an exemplar may have for each word of the source."""


class SyntaxControl(BaseModel):
    """How a tree stands in a prompt; saved with every student that was trained with trees.

    Attributes:
        parser: whose trees they are.
        height: layers of a tree that are shown; None: all.
        labels: that the trees of the training had.
        line: what stands behind the source, with {tree}.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parser: str = DEPENDENCY
    height: int | None = Field(3, ge=2)
    labels: tuple[str, ...] = ()
    line: str = "\nSyntax: {tree}"

    def shown(self, tree: Parse) -> str:
        """A tree as a prompt shows it.

        Raises:
            ParserMismatch: it is of another parser.
        """
        if tree.parser != self.parser:
            raise ParserMismatch(
                f"a tree of the parser {tree.parser} for a student of {self.parser}",
                hint=f"give a tree of {self.parser}",
            )
        return linearise(tree.trim(self.height).tree)

    def behind(self, source: str, tree: str) -> str:
        """A source with the line of its tree."""
        return source + self.line.replace("{tree}", tree)

    def split(self, text: str) -> tuple[str, str]:
        """The source and the tree of what `behind` made; an empty tree where there is none."""
        before, _ = self.line.split("{tree}")
        source, line, tree = text.rpartition(before)
        return (source, tree) if line and tree.startswith("(") else (text, "")


@dataclass(frozen=True)
class Refusal:
    """Why what was asked for cannot be written.

    Attributes:
        reason: not_a_tree, tree_of_another_parser, no_parse, exemplar_too_long: what is counted.
        error: the same for a person.
    """

    reason: str
    error: UsageError


def find_trees(
    control: SyntaxControl, sources: Sequence[str], asked: Sequence[str | None]
) -> list[str | Refusal]:
    """The tree that each source is to be written in, as prompts show it; empty where none is.

    Args:
        asked: of each source an exemplar, or a tree in brackets with its parser's name before it
            or without; None or a blank text asks for nothing.

    Raises:
        ModelError: the parser is not installed.
    """
    parser = find_parser(control.parser)
    texts = [(text or "").strip() for text in asked]
    exemplars = list(dict.fromkeys(t for t in texts if t and not looks_like_tree(t)))
    parsed = dict(zip(exemplars, parser.parse(exemplars), strict=True))
    found: list[str | Refusal] = []
    for source, text in zip(sources, texts, strict=True):
        try:
            if not text:
                found.append("")
            elif text in parsed:
                found.append(_show_exemplar(control, source, text, parsed[text]))
            else:
                found.append(_show_tree(control, source, text, parser.read(text)))
        except ParserMismatch as error:
            found.append(Refusal("tree_of_another_parser", error))
        except TreeError as error:
            found.append(Refusal("not_a_tree", error))
    return found


def _show_exemplar(
    control: SyntaxControl, source: str, text: str, tree: Parse | None
) -> str | Refusal:
    if tree is None:
        hint = "give another sentence, or a tree in brackets"
        return Refusal("no_parse", UsageError(f"no tree was found for {text[:60]!r}", hint=hint))
    long = _refuse_long(source, len(text.split()), "the exemplar has {} words")
    return long or control.shown(tree)


def _show_tree(control: SyntaxControl, source: str, text: str, tree: Parse) -> str | Refusal:
    labels = {node.name for node in tree.tree.nodes()}
    foreign = sorted(labels - set(control.labels)) if not split_name(text)[0] else []
    if foreign and control.labels:
        raise ParserMismatch(
            f"the tree has labels that {control.parser} never gave in training: "
            f"{', '.join(foreign[:5])}",
            hint=f"give a tree of {control.parser}, or a sentence as an exemplar",
        )
    leaves = sum(not node.children for node in tree.tree.nodes())
    return _refuse_long(source, leaves, "the tree has {} leaves") or control.shown(tree)


def _refuse_long(source: str, count: int, said: str) -> Refusal | None:
    words = len(source.split())
    if not words or count <= MOST_TIMES * words:
        return None
    return Refusal(
        "exemplar_too_long",
        UsageError(
            f"{said.format(count)} and the source {words}: "
            f"at most {MOST_TIMES} for each word of the source",
            hint="choose an exemplar of about the length of the source",
        ),
    )
