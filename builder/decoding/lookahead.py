"""The greedy look-ahead of NeuroLogic A*esque decoding (Lu et al. 2022, section 3.2).

A candidate is worth more when an open phrase is likely soon. Behind every candidate the model
goes on greedily for a few steps; the estimate is the best, over open phrases and over the steps
at which they may begin, of the mean log-probability of the phrase's tokens. A phrase under way
is only taken as going on at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from builder.decoding.beam import BeamSearch
from builder.decoding.candidates import Candidates
from builder.decoding.constraints import Tokens
from builder.decoding.neurologic_settings import NeurologicConfig
from builder.decoding.tree import BeamTree
from builder.decoding.vocabulary import log_normaliser


@dataclass
class _Leaf:
    """One candidate in its place in the grid [contexts, candidates]."""

    forms: tuple[tuple[Tokens, bool], ...]
    best: float = -np.inf


@dataclass
class _Branch:
    """A phrase that is spelt behind a leaf, token by token."""

    leaf: _Leaf
    column: int
    form: Tokens
    logprobs: list[float] = field(default_factory=list)


class Lookahead:
    """Estimates for the candidates of one step.

    Args:
        config: of the search.
        enders: int64, the tokens that end a sentence.
    """

    def __init__(self, config: NeurologicConfig, enders: torch.Tensor) -> None:
        self.enders = enders
        self.steps = config.lookahead_steps
        self.weight = config.lookahead_weight

    def __call__(
        self,
        tree: BeamTree,
        searches: Sequence[BeamSearch],
        candidates: Sequence[Candidates],
        first: int,
    ) -> dict[int, NDArray[np.float64]]:
        """The bonus of each candidate, in nats; 0 where nothing is open or the sentence ends.

        The rank of the paper is log-probability / tokens + weight x estimate; times tokens, which
        all candidates of a step have alike, the bonus is tokens x weight x estimate.

        Args:
            tree: at the beams that the candidates extend; unchanged afterwards.
            searches: the contexts in the tree's rows from `first` on.
            candidates: of each search.
            first: see above.
        """
        grid: list[list[_Leaf]] = [[] for _ in range(len(tree))]
        where: list[list[int]] = []
        for place, (search, found) in enumerate(zip(searches, candidates, strict=True)):
            forms = [search.automaton.open_forms(state) for state in found.states]
            lasting = [i for i in range(len(found)) if forms[i] and not found.ending[i]]
            where.append(lasting)
            grid[first + place] = [_Leaf(forms[i]) for i in lasting]
        if not any(grid):
            return {}
        before: list[list[int]] = [[] for _ in range(first)]
        chosen = list(zip(candidates, where, strict=True))
        parents = _padded(before + [c.beam[own].tolist() for c, own in chosen], len(tree))
        tokens = _padded(before + [c.token[own].tolist() for c, own in chosen], len(tree))
        self._estimate(tree, grid, parents, tokens)
        bonuses = {}
        for place, (search, found) in enumerate(zip(searches, candidates, strict=True)):
            bonus = np.zeros(len(found))
            bonus[where[place]] = [leaf.best for leaf in grid[first + place]]
            bonuses[place] = bonus * self.weight * (search.length + 1)
        return bonuses

    def _estimate(
        self,
        tree: BeamTree,
        grid: list[list[_Leaf]],
        parents: torch.Tensor,
        tokens: torch.Tensor,
    ) -> None:
        leaves = tokens.shape[1]
        open_forms = [form for row in grid for leaf in row for form, _ in leaf.forms]
        longest = max(map(len, open_forms))
        branches = max(sum(len(leaf.forms) for leaf in row) for row in grid)
        tree.make_room(self.steps * leaves + (longest - 1) * branches)
        begin = tree.mark()
        same = torch.arange(leaves).expand(len(grid), -1)
        for step in range(self.steps):
            logits = tree.extend(parents, tokens)
            self._score(tree, grid, logits, step)
            # No sentence ends before its phrases are said.
            logits.index_fill_(2, self.enders.to(logits.device), -torch.inf)
            parents, tokens = same, logits.argmax(2)
        tree.rewind(begin)

    def _score(
        self, tree: BeamTree, grid: list[list[_Leaf]], logits: torch.Tensor, step: int
    ) -> None:
        """Try every open form behind every leaf as it now stands."""
        asked = [
            [
                _Branch(leaf, column, form)
                for column, leaf in enumerate(row)
                for form, under_way in leaf.forms
                if step == 0 or not under_way
            ]
            for row in grid
        ]
        _read(asked, logits, [[branch.column for branch in row] for row in asked])
        begin = tree.mark()
        # What is still to come is at most 0, so most forms are out after their first token.
        asked = [
            [b for b in row if not _closed(b) and b.logprobs[0] / len(b.form) > b.leaf.best]
            for row in asked
        ]
        columns = [[branch.column for branch in row] for row in asked]
        while any(asked):
            spelt = [[b.form[len(b.logprobs) - 1] for b in row] for row in asked]
            logits = tree.extend(_padded(columns, len(grid)), _padded(spelt, len(grid)))
            _read(asked, logits, [list(range(len(row))) for row in asked])
            columns = [
                [i for i, branch in enumerate(row) if len(branch.logprobs) < len(branch.form)]
                for row in asked
            ]
            asked = [[row[i] for i in own] for row, own in zip(asked, columns, strict=True)]
        tree.rewind(begin)


def _read(asked: list[list[_Branch]], logits: torch.Tensor, columns: list[list[int]]) -> None:
    """Note each branch's next log-probability, and a finished one's mean at its leaf."""
    cells = [
        (row, column, branch)
        for row, own in enumerate(asked)
        for column, branch in zip(columns[row], own, strict=True)
    ]
    if not cells:
        return
    normaliser = log_normaliser(logits.reshape(-1, logits.shape[2])).view(logits.shape[:2])
    rows = torch.tensor([row for row, _, _ in cells], device=logits.device)
    places = torch.tensor([column for _, column, _ in cells], device=logits.device)
    following = torch.tensor([b.form[len(b.logprobs)] for _, _, b in cells], device=logits.device)
    values = logits[rows, places, following].float() - normaliser[rows, places]
    for (_, _, branch), value in zip(cells, values.tolist(), strict=True):
        branch.logprobs.append(value)
        _closed(branch)


def _closed(branch: _Branch) -> bool:
    """Whether all of a branch's tokens have been read; its leaf knows then."""
    if len(branch.logprobs) < len(branch.form):
        return False
    mean = sum(branch.logprobs) / len(branch.form)
    branch.leaf.best = max(branch.leaf.best, mean)
    return True


def _padded(values: list[list[int]], rows: int) -> torch.Tensor:
    """Ragged lists as int64 [rows, longest], 0 where there is nothing."""
    longest = max(map(len, values), default=0)
    filled = [own + [0] * (longest - len(own)) for own in values]
    return torch.tensor(filled + [[0] * longest] * (rows - len(filled)), dtype=torch.int64)
