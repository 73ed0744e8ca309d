"""How far a hypothesis is with its constraints, as the states of one automaton.

The trie of all phrases with failure links (Aho and Corasick 1975): the node of a hypothesis is
its longest suffix that begins a phrase, and the chain of failure links from there holds every
shorter one, so that one integer stands for the whole set of live prefixes; the root, where any
phrase may begin anew, always ends the chain. With the set of phrases seen so far that is all a
hypothesis has to remember. Nothing is deleted when a clause is satisfied, so a literal that
another clause still needs stays (the fix of A*esque decoding, Lu et al. 2022).

The states of a clause are those of NeuroLogic (Lu et al. 2021, section 2.2):

    S1  unsatisfied, a positive literal may still come
    S2  unsatisfied for good: only broken negative literals
    S3  satisfied by a negative literal that may still break
    S4  satisfied for good by a positive literal
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import cached_property

from builder.decoding.constraints import Constraints, Tokens, simplified


class ClauseState(enum.Enum):
    """Satisfied or not, and whether that can change."""

    UNSATISFIED = "S1"
    IMPOSSIBLE = "S2"
    BREAKABLE = "S3"
    SATISFIED = "S4"


@dataclass(frozen=True, eq=False)
class State:
    """What the search asks about a hypothesis.

    Attributes:
        number: of the state in its automaton; equal numbers behave equally for ever.
        node: of the trie.
        seen: bit i is set when phrase i has appeared.
        satisfied: bit i is set when clause i is in S3 or S4: the group of the hypothesis.
        count: satisfied clauses.
        complete: every clause is satisfied, a sentence may end here.
        dead: a clause is in S2.
        progress: max over the clauses in S1 and their live prefixes of matched length / phrase
            length, in [0, 1); 0 without a live prefix.
        need: an upper bound on the tokens that satisfy the clauses in S1, 0 when there is none.
    """

    number: int
    node: int
    seen: int
    satisfied: int
    count: int
    complete: bool
    dead: bool
    progress: float
    need: int


@dataclass(frozen=True)
class Moves:
    """Where the tokens of a state lead.

    Attributes:
        default: the state after any token that is not in `special`.
        special: token id → state, for tokens that begin or go on with any phrase.
        forced: ascending; the special tokens that begin or go on with a phrase of a clause in S1.
        going_on: the part of `forced` that extends a live prefix.
        forbidden: ascending; the tokens after which a clause is unsatisfied for good.
    """

    default: State
    special: dict[int, State]
    forced: tuple[int, ...]
    going_on: frozenset[int]
    forbidden: tuple[int, ...]


class Automaton:
    """The constraints of one sentence, compiled.

    Args:
        constraints: token ids of the decoding tokenizer.
        unusable: token ids that are never generated.

    Raises:
        ConfigError: constraints that nothing satisfies.
    """

    def __init__(self, constraints: Constraints, unusable: tuple[int, ...] = ()) -> None:
        self.constraints = simplified(constraints, unusable)
        self.clauses = len(self.constraints.clauses)
        self._phrases: dict[frozenset[Tokens], int] = {}
        self._positive: list[int] = []
        self._negative: list[int] = []
        for clause in self.constraints.clauses:
            signs = [0, 0]
            for literal in clause.literals:
                key = frozenset(literal.forms)
                signs[literal.positive] |= 1 << self._phrases.setdefault(key, len(self._phrases))
            self._negative.append(signs[0])
            self._positive.append(signs[1])
        self._build_trie()
        self._states: dict[tuple[int, int], State] = {}
        self._moves: dict[int, Moves] = {}
        self._open: dict[int, tuple[tuple[Tokens, bool], ...]] = {}

    @cached_property
    def start(self) -> State:
        """Before the first generated token."""
        return self._state(0, 0)

    def advance(self, state: State, token: int) -> State:
        """The state after one more token."""
        moves = self.moves(state)
        return moves.special.get(token, moves.default)

    def satisfied(self, state: State) -> frozenset[int]:
        """The positions of the clauses that hold."""
        return frozenset(i for i in range(self.clauses) if state.satisfied >> i & 1)

    def clause_states(self, state: State) -> tuple[ClauseState, ...]:
        """S1 to S4 of every clause, in the order of the constraints."""
        return tuple(self._clause_state(i, state.seen) for i in range(self.clauses))

    def moves(self, state: State) -> Moves:
        """Where every token leads from here; worked out once for each state."""
        found = self._moves.get(state.number)
        if found is None:
            found = self._moves[state.number] = self._new_moves(state)
        return found

    def _clause_state(self, clause: int, seen: int) -> ClauseState:
        positive, negative = self._positive[clause], self._negative[clause]
        if seen & positive:
            return ClauseState.SATISFIED
        if negative & ~seen:
            return ClauseState.BREAKABLE
        return ClauseState.UNSATISFIED if positive else ClauseState.IMPOSSIBLE

    def _build_trie(self) -> None:
        self._next: list[dict[int, int]] = [{}]
        self._depth = [0]
        self._ends = [0]
        # node → (phrase, form) of every form that passes through or ends there
        self._through: list[list[tuple[int, Tokens]]] = [[]]
        for forms, number in self._phrases.items():
            for form in forms:
                node = 0
                for token in form:
                    if token not in self._next[node]:
                        self._next[node][token] = len(self._next)
                        self._next.append({})
                        self._depth.append(self._depth[node] + 1)
                        self._ends.append(0)
                        self._through.append([])
                    node = self._next[node][token]
                    self._through[node].append((number, form))
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

    def _live(self, node: int) -> list[int]:
        """The chain of live prefixes, longest first, without the root."""
        chain = []
        while node:
            chain.append(node)
            node = self._fail[node]
        return chain

    def _state(self, node: int, seen: int) -> State:
        key = (node, seen)
        if key not in self._states:
            self._states[key] = self._new_state(node, seen)
        return self._states[key]

    def _new_state(self, node: int, seen: int) -> State:
        now = [self._clause_state(i, seen) for i in range(self.clauses)]
        good = (ClauseState.BREAKABLE, ClauseState.SATISFIED)
        holding = [i for i, state in enumerate(now) if state in good]
        progress, need = self._distance(
            node, [i for i, state in enumerate(now) if state is ClauseState.UNSATISFIED]
        )
        return State(
            number=len(self._states),
            node=node,
            seen=seen,
            satisfied=sum(1 << i for i in holding),
            count=len(holding),
            complete=len(holding) == self.clauses,
            dead=ClauseState.IMPOSSIBLE in now,
            progress=progress,
            need=need,
        )

    def _distance(self, node: int, unsatisfied: list[int]) -> tuple[float, int]:
        """Progress, and the tokens it takes to say the rest one phrase after the other."""
        whole = {i: self._shortest(i) for i in unsatisfied}
        progress, saved = 0.0, 0
        for prefix in self._live(node):
            matched = self._depth[prefix]
            for phrase, form in self._through[prefix]:
                for i in unsatisfied:
                    if self._positive[i] >> phrase & 1:
                        progress = max(progress, matched / len(form))
                        saved = max(saved, whole[i] - (len(form) - matched))
        return progress, sum(whole.values()) - saved

    def _shortest(self, clause: int) -> int:
        return min(
            len(form)
            for forms, number in self._phrases.items()
            if self._positive[clause] >> number & 1
            for form in forms
        )

    def _wanted(self, state: State) -> int:
        """The positive phrases of the clauses in S1, as bits."""
        wanted = 0
        for clause in range(self.clauses):
            if self._clause_state(clause, state.seen) is ClauseState.UNSATISFIED:
                wanted |= self._positive[clause]
        return wanted

    def open_forms(self, state: State) -> tuple[tuple[Tokens, bool], ...]:
        """What is left to say of each form of a positive phrase of a clause in S1.

        Returns:
            (tokens, under way) pairs; of a form under way only its longest live prefix counts.
        """
        if state.number not in self._open:
            wanted = self._wanted(state)
            left: dict[Tokens, tuple[Tokens, bool]] = {
                form: (form, False)
                for forms, phrase in self._phrases.items()
                if wanted >> phrase & 1
                for form in forms
            }
            for prefix in reversed(self._live(state.node)):
                for phrase, form in self._through[prefix]:
                    if wanted >> phrase & 1:
                        left[form] = (form[self._depth[prefix] :], True)
            self._open[state.number] = tuple(sorted(left.values()))
        return self._open[state.number]

    def _new_moves(self, state: State) -> Moves:
        wanted = self._wanted(state)
        special: dict[int, State] = {}
        forced, going_on, forbidden = [], set(), []
        for token, node in sorted(self._row[state.node].items()):
            after = self._state(node, state.seen | self._ends[node])
            special[token] = after
            if after.dead:
                forbidden.append(token)
                continue
            serving = [
                self._depth[prefix]
                for prefix in self._live(node)
                if any(wanted >> phrase & 1 for phrase, _ in self._through[prefix])
            ]
            if serving:
                forced.append(token)
            if any(depth > 1 for depth in serving):
                going_on.add(token)
        default = self._state(0, state.seen)
        return Moves(default, special, tuple(forced), frozenset(going_on), tuple(forbidden))
