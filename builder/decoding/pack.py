"""Samples packed into one row of the cache: who holds which columns, no tensors."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from builder.decoding.continuation import Continuation


@dataclass(slots=True)
class Branch:
    """Samples of a prompt that have the same tokens so far: the model runs them as one.

    Attributes:
        samples: at least one.
        columns: of their tokens that have been run. Branches that were one hold the columns of
            what they have in common together.
    """

    samples: list[Continuation]
    columns: list[int] = field(default_factory=list)

    @property
    def first(self) -> Continuation:
        """Any of the samples, for what they have in common."""
        return self.samples[0]

    @property
    def position(self) -> int:
        """Where the next token stands in the sequence."""
        return len(self.first.ids) + len(self.columns)


@dataclass(slots=True)
class Pack:
    """A row of the cache: its slots side by side, and the contexts that their samples follow.

    Attributes:
        slots: the branches that are run together; as many as the cache has, None where idle.
        parted: branches that wait for a slot.
        contexts: the columns of each context held, by the prompt's ordinal.
    """

    slots: list[Branch | None]
    parted: list[Branch] = field(default_factory=list)
    contexts: dict[int, list[int]] = field(default_factory=dict)

    @property
    def running(self) -> list[Branch]:
        """The branches in slots."""
        return [branch for branch in self.slots if branch]

    @property
    def branches(self) -> list[Branch]:
        """All of them, those in slots first."""
        return self.running + self.parted

    def find_idle(self) -> list[int]:
        """Slots without a branch."""
        return [number for number, branch in enumerate(self.slots) if branch is None]

    def find_free(self, now: int) -> list[int]:
        """Columns before `now` that hold neither a context nor a branch's token."""
        used = self._find_used()
        return [column for column in range(now) if column not in used]

    def count_used(self) -> int:
        """How many columns hold a context or a branch's token."""
        return len(self._find_used())

    def _find_used(self) -> set[int]:
        used = {column for columns in self.contexts.values() for column in columns}
        for branch in self.branches:
            used.update(branch.columns)
        return used


@dataclass(slots=True)
class Move:
    """Where columns go: pack `to` takes columns `old` of pack `source` as its `columns`."""

    to: int
    columns: list[int]
    source: int
    old: list[int]


def regroup(
    packs: Sequence[Pack],
    groups: Sequence[Sequence[tuple[int, Branch]]],
    slots: int,
    wanted: Container[int],
) -> tuple[list[Pack], list[Move]]:
    """Pack the branches anew; columns in use are numbered from 0.

    Args:
        packs: as they are.
        groups: for each new pack its branches, each with its present pack; the first ones get the
            slots.
        slots: of a pack; the missing ones are idle.
        wanted: prompts whose context stays although no sample follows it.

    Returns:
        the new packs, and what has to be moved.
    """
    made: list[Pack] = []
    moves: list[Move] = []
    for number, group in enumerate(groups):
        branches = [branch for _, branch in group]
        idle = [None] * max(0, slots - len(branches))
        pack = Pack([*branches[:slots], *idle], branches[slots:])
        places: dict[tuple[int, int], int] = {}
        for source, branch in group:
            for prompt, old in packs[source].contexts.items():
                if prompt not in pack.contexts and (
                    prompt == branch.first.prompt or prompt in wanted
                ):
                    pack.contexts[prompt] = _place(places, moves, number, source, old)
            branch.columns = _place(places, moves, number, source, branch.columns)
        made.append(pack)
    return made, moves


def _place(
    places: dict[tuple[int, int], int],
    moves: list[Move],
    to: int,
    source: int,
    old: Sequence[int],
) -> list[int]:
    """Columns of pack `to` for those of another one; what it has of them already is not moved."""
    further = [column for column in old if (source, column) not in places]
    if further:
        first = len(places)
        places.update({(source, column): first + i for i, column in enumerate(further)})
        moves.append(Move(to, list(range(first, len(places))), source, further))
    return [places[source, column] for column in old]
