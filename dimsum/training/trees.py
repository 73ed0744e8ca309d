"""The trees of training targets: read from a column, or parsed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import islice

from pydantic import Field

from dimsum.errors import UsageError
from dimsum.pairs import Pair
from dimsum.prompts import PromptFormat
from dimsum.schema import SYNTAX
from dimsum.settings import Settings
from dimsum.syntax.control import SyntaxControl
from dimsum.syntax.parsers import DEPENDENCY, find_parser
from dimsum.syntax.tree import Parse

CHUNK = 1000
"""Targets that are parsed together."""


class SyntaxTraining(Settings):
    """A training in which the prompt shows the target's tree."""

    parser: str = Field(
        DEPENDENCY, description="dependency, or any other as module:function; one for all trees"
    )
    height: int | None = Field(3, ge=2, description="layers that are shown; empty: all")
    column: str = Field(
        SYNTAX.name, description="of the data, with trees; a target without one is parsed"
    )
    share: float = Field(
        0.8, gt=0, le=1, description="of pairs whose tree is shown; the others teach to do without"
    )

    @property
    def control(self) -> SyntaxControl:
        """How prompts show trees."""
        return SyntaxControl(parser=self.parser, height=self.height)


@dataclass
class Shown:
    """What became of the trees of pairs.

    Attributes:
        counts: pairs with a tree in their prompt (shown), without by the share (without), and
            those without a parse (no_parse).
        labels: that the shown trees have.
        heights: of the trees that a column gave.
    """

    counts: Counter[str] = field(default_factory=Counter)
    labels: set[str] = field(default_factory=set)
    heights: Counter[int] = field(default_factory=Counter)


def add_trees(pairs: Iterable[Pair], settings: SyntaxTraining, shown: Shown) -> Iterator[Pair]:
    """Pairs whose `syntax` is what their prompt shows, empty for those that are to have none.

    Raises:
        ParserMismatch: the column's trees are of another parser.
        TreeError: the column holds what is no tree.
        UsageError: the column's trees were trimmed lower than the recipe shows them.
    """
    control, parser = settings.control, find_parser(settings.parser)
    stream = iter(pairs)
    while chunk := list(islice(stream, CHUNK)):
        bare = [pair.target for pair in chunk if not pair.syntax]
        parsed = dict(zip(bare, parser.parse(bare), strict=True))
        for pair in chunk:
            tree = parser.read(pair.syntax) if pair.syntax else parsed[pair.target]
            if pair.syntax and tree is not None:
                shown.heights[tree.tree.height] += 1
            if tree is None:
                shown.counts["no_parse"] += 1
            elif not _is_shown(pair, settings.share):
                shown.counts["without"] += 1
                tree = None
            yield replace(pair, syntax="" if tree is None else _show(control, tree, shown))
    _check_heights(shown, settings)


def _show(control: SyntaxControl, tree: Parse, shown: Shown) -> str:
    shown.counts["shown"] += 1
    shown.labels |= {node.name for node in tree.trim(control.height).tree.nodes()}
    return control.shown(tree)


def _is_shown(pair: Pair, share: float) -> bool:
    """By a hash of the pair, so that it is the same in every training."""
    digest = sha256(f"tree\n{pair.source}\n{pair.target}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def _check_heights(shown: Shown, settings: SyntaxTraining) -> None:
    """A column that is trimmed lower would teach other trees than exemplars give later."""
    highest, wanted = max(shown.heights, default=0), settings.height
    if highest and wanted is not None and highest < wanted:
        raise UsageError(
            f"the trees of the column {settings.column} have {highest} layers at most, and the "
            f"recipe shows {wanted}",
            hint=f"--set syntax.height={highest}, or --set syntax.column=none to parse anew",
        )


def fit_syntax(prompts: PromptFormat, settings: SyntaxTraining | None) -> PromptFormat:
    """The format of a student that is new, with trees where the recipe has them."""
    if settings is None:
        return prompts
    return prompts.model_copy(update={"syntax": settings.control})


def check_syntax(prompts: PromptFormat, settings: SyntaxTraining | None, name: str) -> None:
    """Refuse to train a student further with other trees than it knows.

    Raises:
        UsageError: it was trained with other trees, or without.
    """
    known = None if prompts.syntax is None else (prompts.syntax.parser, prompts.syntax.height)
    asked = None if settings is None else (settings.parser, settings.height)
    if known == asked:
        return
    said = "without trees" if known is None else f"with syntax.parser={known[0]}, height={known[1]}"
    raise UsageError(
        f"{name} was trained {said}, and the recipe differs",
        hint="train it further as it was trained, or begin with a plain model",
    )


def note_labels(prompts: PromptFormat, shown: Shown) -> PromptFormat:
    """The format with the labels of this training's trees beside those of earlier ones."""
    if prompts.syntax is None:
        return prompts
    labels = tuple(sorted(shown.labels.union(prompts.syntax.labels)))
    return prompts.model_copy(
        update={"syntax": prompts.syntax.model_copy(update={"labels": labels})}
    )
