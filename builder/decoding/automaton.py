"""How far a hypothesis is with its constraints, as the states of one automaton.

The trie of all phrases with failure links (Aho and Corasick 1975): the node of a hypothesis is
its longest suffix that begins a phrase, and the chain of failure links from there holds every
shorter one, so that one integer stands for the whole set of live prefixes; the root, where any
phrase may begin anew, always ends the chain. With the set of satisfied clauses that is all a
hypothesis has to remember. Nothing is deleted when a clause is satisfied, so a phrase that
another clause still needs stays (the fix of A*esque decoding, Lu et al. 2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from builder.decoding.constraints import Constraints, remove_unusable


@dataclass(frozen=True, eq=False)
class State:
    """What the search asks about a hypothesis; an automaton has one object for each state.

    Attributes:
        node: of the trie.
        satisfied: bit i is set when a phrase of clause i has appeared: the group of the
            hypothesis.
        count: satisfied clauses.
        complete: every clause is satisfied, a sentence may end here.
        progress: max over the unsatisfied clauses and their live prefixes of matched length /
            phrase length, in [0, 1); 0 without a live prefix.
        need: an upper bound on the tokens that satisfy the unsatisfied clauses, 0 when there is
            none.
    """

    node: int
    satisfied: int
    count: int
    complete: bool
    progress: float
    need: int


@dataclass(frozen=True)
class Moves:
    """Where the tokens of a state lead.

    Attributes:
        default: the state after any token that is not in `special`.
        special: token id → state, for tokens that begin or go on with any phrase.
        forced: ascending; the special tokens that begin or go on with a phrase of an unsatisfied
            clause.
        going_on: the part of `forced` that extends a live prefix.
    """

    default: State
    special: dict[int, State]
    forced: tuple[int, ...]
    going_on: frozenset[int]

    def after(self, token: int) -> State:
        """The state after a token."""
        return self.special.get(token, self.default)


class Automaton:
    """The constraints of one sentence, compiled.

    Args:
        constraints: token ids of the decoding tokenizer.
        unusable: token ids that are never generated.

    Raises:
        ConfigError: a clause that nothing satisfies.
    """

    def __init__(self, constraints: Constraints, unusable: tuple[int, ...] = ()) -> None:
        self.constraints = remove_unusable(constraints, unusable)
        self.clauses = len(self.constraints.clauses)
        self._shortest = [min(map(len, one.phrases)) for one in self.constraints.clauses]
        self._build_trie()
        self._states: dict[tuple[int, int], State] = {}
        self._moves: dict[State, Moves] = {}

    @cached_property
    def start(self) -> State:
        """Before the first generated token."""
        return self._find_state(0, 0)

    def find_moves(self, state: State) -> Moves:
        """Where every token leads from here; worked out once for each state."""
        found = self._moves.get(state)
        if found is None:
            found = self._moves[state] = self._make_moves(state)
        return found

    def _build_trie(self) -> None:
        self._next: list[dict[int, int]] = [{}]
        self._depth = [0]
        # node → bits of the clauses that are satisfied there
        self._ends = [0]
        # node → (clause, phrase length) of every phrase that passes through or ends there
        self._through: list[list[tuple[int, int]]] = [[]]
        for number, clause in enumerate(self.constraints.clauses):
            for phrase in clause.phrases:
                node = 0
                for token in phrase:
                    if token not in self._next[node]:
                        self._next[node][token] = len(self._next)
                        self._next.append({})
                        self._depth.append(self._depth[node] + 1)
                        self._ends.append(0)
                        self._through.append([])
                    node = self._next[node][token]
                    self._through[node].append((number, len(phrase)))
                self._ends[node] |= 1 << number
        self._link()

    def _link(self) -> None:
        """Failure links, and the whole transition row of every node, breadth first."""
        self._fail = [0] * len(self._next)
        self._row: list[dict[int, int]] = [{} for _ in self._next]
        self._row[0] = dict(self._next[0])
        level = list(self._next[0].values())
        while level:
            deeper = []
            for node in level:
                fail = self._fail[node]
                self._ends[node] |= self._ends[fail]
                self._row[node] = {**self._row[fail], **self._next[node]}
                for token, child in self._next[node].items():
                    self._fail[child] = self._row[fail].get(token, 0)
                    deeper.append(child)
            level = deeper

    def _list_prefixes(self, node: int) -> list[int]:
        """The nodes of the live prefixes, longest first, without the root."""
        chain = []
        while node:
            chain.append(node)
            node = self._fail[node]
        return chain

    def _find_state(self, node: int, satisfied: int) -> State:
        key = (node, satisfied)
        if key not in self._states:
            progress, need = self._measure(node, satisfied)
            count = satisfied.bit_count()
            complete = count == self.clauses
            self._states[key] = State(node, satisfied, count, complete, progress, need)
        return self._states[key]

    def _measure(self, node: int, satisfied: int) -> tuple[float, int]:
        """Progress, and the tokens it takes to say the rest one phrase after the other."""
        progress, saved = 0.0, 0
        for prefix in self._list_prefixes(node):
            matched = self._depth[prefix]
            for clause, length in self._through[prefix]:
                if not satisfied >> clause & 1:
                    progress = max(progress, matched / length)
                    saved = max(saved, self._shortest[clause] - (length - matched))
        whole = sum(n for i, n in enumerate(self._shortest) if not satisfied >> i & 1)
        return progress, whole - saved

    def _make_moves(self, state: State) -> Moves:
        special: dict[int, State] = {}
        forced, going_on = [], set()
        for token, node in sorted(self._row[state.node].items()):
            special[token] = self._find_state(node, state.satisfied | self._ends[node])
            depths = [
                self._depth[prefix]
                for prefix in self._list_prefixes(node)
                if any(not state.satisfied >> clause & 1 for clause, _ in self._through[prefix])
            ]
            if depths:
                forced.append(token)
                if max(depths) > 1:
                    going_on.add(token)
        default = self._find_state(0, state.satisfied)
        return Moves(default, special, tuple(forced), frozenset(going_on))
