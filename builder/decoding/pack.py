"""Samples packed into one row of the cache, each in a slot: who holds which columns, no tensors."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from builder.decoding.continuation import Continuation


@dataclass(slots=True)
class Slot:
    """One of the samples side by side in a pack.

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
class Pack:
    """A row of the cache: some slots, and the contexts that their samples follow.

    Attributes:
        slots: as many as the cache has.
        contexts: the columns of each context held, by the prompt's ordinal.
    """

    slots: list[Slot]
    contexts: dict[int, list[int]] = field(default_factory=dict)

    def find_idle(self) -> list[int]:
        """Slots without a sample."""
        return [number for number, slot in enumerate(self.slots) if slot.row is None]

    def find_free(self, now: int) -> list[int]:
        """Columns before `now` that hold neither a context nor a live sample's token."""
        used = {column for columns in self.contexts.values() for column in columns}
        for slot in self.slots:
            used.update(slot.columns)
        return [column for column in range(now) if column not in used]

    def count_used(self) -> int:
        """How many columns hold a context or a live sample's token."""
        own = sum(len(slot.columns) for slot in self.slots)
        return own + sum(len(columns) for columns in self.contexts.values())


@dataclass(slots=True)
class Move:
    """Where columns go: pack `to` takes columns `old` of pack `source` as its `columns`."""

    to: int
    columns: list[int]
    source: int
    old: list[int]


def regroup(
    packs: Sequence[Pack],
    groups: Sequence[Sequence[tuple[int, Slot]]],
    slots: int,
    wanted: Container[int],
) -> tuple[list[Pack], list[Move]]:
    """Pack the slots anew; columns in use are numbered from 0.

    Args:
        packs: as they are.
        groups: for each new pack its slots, at most `slots`, each with its present pack.
        slots: of a pack; the missing ones are empty.
        wanted: prompts whose context stays although no sample follows it.

    Returns:
        the new packs, and what has to be moved.
    """
    made: list[Pack] = []
    moves: list[Move] = []
    for number, group in enumerate(groups):
        pack = Pack([slot for _, slot in group])
        pack.slots += [Slot() for _ in range(slots - len(group))]
        width = 0
        for source, slot in group:
            held = packs[source].contexts
            followed = {slot.row.prompt} if slot.row else set()
            for prompt, old in held.items():
                if prompt in pack.contexts or not (prompt in followed or prompt in wanted):
                    continue
                pack.contexts[prompt] = list(range(width, width + len(old)))
                moves.append(Move(number, pack.contexts[prompt], source, old))
                width += len(old)
            old, slot.columns = slot.columns, list(range(width, width + len(slot.columns)))
            moves.append(Move(number, slot.columns, source, old))
            width += len(old)
        made.append(pack)
    return made, moves
