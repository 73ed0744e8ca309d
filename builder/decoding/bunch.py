"""Which columns of a bunch belong to whom: bookkeeping, no tensors."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from builder.decoding.continuation import Continuation


@dataclass(slots=True)
class Place:
    """One of the samples side by side in a bunch.

    Attributes:
        row: the sample under way, None where there is none.
        columns: of its own tokens that have been run; none without a sample.
    """

    row: Continuation | None = None
    columns: list[int] = field(default_factory=list)

    @property
    def position(self) -> int:
        """Where its next token stands in its own sequence."""
        return len(self.row.ids) + len(self.columns) if self.row else 0


@dataclass(slots=True)
class Bunch:
    """A row of the cache: some places, and the contexts that their samples follow.

    Attributes:
        places: as many as the cache has.
        contexts: the columns of each context held, by the prompt's ordinal.
    """

    places: list[Place]
    contexts: dict[int, list[int]] = field(default_factory=dict)

    def idle(self) -> list[int]:
        """Places without a sample."""
        return [number for number, place in enumerate(self.places) if place.row is None]

    def dead(self, now: int) -> list[int]:
        """Columns before `now` that hold neither a context nor a live sample's token."""
        used = {column for columns in self.contexts.values() for column in columns}
        for place in self.places:
            used.update(place.columns)
        return [column for column in range(now) if column not in used]

    def used(self) -> int:
        """How many columns hold a context or a live sample's token."""
        own = sum(len(place.columns) for place in self.places)
        return own + sum(len(columns) for columns in self.contexts.values())


@dataclass(slots=True)
class Move:
    """Where columns go: bunch `to` takes columns `old` of bunch `source` as its `columns`."""

    to: int
    columns: list[int]
    source: int
    old: list[int]


def regroup(
    bunches: Sequence[Bunch],
    groups: Sequence[Sequence[tuple[int, Place]]],
    places: int,
    wanted: Container[int],
) -> tuple[list[Bunch], list[Move]]:
    """Bunches of other company, their columns in use numbered from 0.

    Args:
        bunches: as they are.
        groups: for each new bunch its places, at most `places`, each with its present bunch.
        places: of a bunch; the missing ones are empty.
        wanted: prompts whose context is kept although no sample follows it.

    Returns:
        the new bunches, and what has to be moved.
    """
    made: list[Bunch] = []
    moves: list[Move] = []
    for number, group in enumerate(groups):
        bunch = Bunch([place for _, place in group])
        bunch.places += [Place() for _ in range(places - len(group))]
        width = 0
        for source, place in group:
            held = bunches[source].contexts
            followed = {place.row.prompt} if place.row else set()
            for prompt, old in held.items():
                if prompt in bunch.contexts or not (prompt in followed or prompt in wanted):
                    continue
                bunch.contexts[prompt] = list(range(width, width + len(old)))
                moves.append(Move(number, bunch.contexts[prompt], source, old))
                width += len(old)
            old, place.columns = place.columns, list(range(width, width + len(place.columns)))
            moves.append(Move(number, place.columns, source, old))
            width += len(old)
        made.append(bunch)
    return made, moves
