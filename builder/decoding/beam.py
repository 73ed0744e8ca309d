"""The beam search of one context under its constraints: candidates, pruning, grouping, choice.

Numbers of steps are those of NeuroLogic's search (Lu et al. 2021, section 2.3): a candidate is
one more token behind one of the beams; candidates that are unlikely or that satisfy few clauses
are pruned, the others grouped by the set of clauses they satisfy, and the next beams taken from
the groups in turn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from builder.decoding.automaton import Automaton, State
from builder.decoding.candidates import Candidates, Cells
from builder.decoding.filters import BannedStrings, NgramHistory
from builder.decoding.neurologic_settings import NeurologicConfig
from builder.decoding.prompts import decode_after

MINUS_INFINITY = -math.inf


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A sentence that the search found.

    Attributes:
        text: what follows the prompt, a leading space included.
        tokens: generated ids, the end included.
        logprob: sum of the tokens' log-probabilities under the model at temperature 1, no token
            masked, in nats.
        score: logprob / len(tokens) ** length_penalty.
        satisfied: clauses that hold.
        clauses: clauses there are.
        finished: it ends in an ender or end-of-text token; then every clause holds.
    """

    text: str
    tokens: tuple[int, ...]
    logprob: float
    score: float
    satisfied: int
    clauses: int
    finished: bool


@dataclass(frozen=True, slots=True)
class Beam:
    """A hypothesis under way."""

    tokens: tuple[int, ...]
    logprob: float
    state: State
    history: NgramHistory | None


@dataclass(frozen=True)
class Rules:
    """What holds for every context of a decoder.

    Attributes:
        config: of the search.
        enders: ids of the tokens that end a sentence, end-of-text tokens included.
        banned: strings that are never produced.
        tokenizer: the model's.
    """

    config: NeurologicConfig
    enders: frozenset[int]
    banned: BannedStrings
    tokenizer: Any


class BeamSearch:
    """The hypotheses of one context, step by step.

    One step is `make_cells`, `make_candidates`, `prune`, `choose`, in this order.

    Args:
        rules: shared by all contexts.
        automaton: the context's constraints.
        prompt: its token ids.

    Attributes:
        beams: hypotheses to extend, best first.
        parents: for each beam, the position of its parent among the previous beams.
        length: generated tokens of every beam.
    """

    def __init__(self, rules: Rules, automaton: Automaton, prompt: Sequence[int]) -> None:
        self.rules = rules
        self.config = rules.config
        self.automaton = automaton
        self.prompt = list(prompt)
        size = self.config.no_repeat_ngram
        history = NgramHistory(size, prompt) if size else None
        self.beams = [Beam((), 0.0, automaton.start, history)]
        self.parents: list[int] = [0]
        self.length = 0
        self._finished: Beam | None = None
        self._unfinished: list[Beam] = []

    @property
    def done(self) -> bool:
        """Whether no beam is left to extend."""
        return not self.beams

    def make_cells(self) -> list[Cells]:
        """Masks and demanded tokens of each beam (step 0, and 1b)."""
        return [self._make_cells(beam) for beam in self.beams]

    def _make_cells(self, beam: Beam) -> Cells:
        moves = self.automaton.find_moves(beam.state)
        cells = Cells(wanted=list(moves.forced))
        if beam.history is not None:
            cells.hidden += [t for t in beam.history.blocked() if t not in moves.going_on]
        if self.rules.banned.spans_tokens:
            cells.hidden += self.rules.banned.blocked([*self.prompt, *beam.tokens])
        cells.enders_hidden = not self._may_end(moves.default)
        for token, state in moves.special.items():
            if token in self.rules.enders:
                if self._may_end(state) or token in moves.forced:
                    cells.enders_shown.append(token)
                else:
                    cells.hidden.append(token)
        if self.length + 1 == self.config.max_new_tokens and not cells.enders_hidden:
            cells.wanted = sorted({*cells.wanted, *self.rules.enders})
        return cells

    def _may_end(self, state: State) -> bool:
        return state.complete and self.length + 1 >= self.config.min_new_tokens

    def make_candidates(
        self,
        cells: Sequence[Cells],
        tokens: Sequence[Sequence[int]],
        logprobs: Sequence[Sequence[float]],
        wanted: Sequence[Sequence[float]],
    ) -> Candidates:
        """All candidates of this step (1a to 1c).

        Args:
            cells: of each beam.
            tokens: each beam's most likely tokens after masking, best first: at least as many as
                there are beams, enders not counted.
            logprobs: theirs; masked tokens have minus infinity.
            wanted: log-probabilities of each beam's `Cells.wanted`.
        """
        beams, ids, sums, states, ending, urgent = [], [], [], [], [], []
        width = self.config.beams
        remaining = self.config.max_new_tokens - self.length - 1
        for number, beam in enumerate(self.beams):
            moves = self.automaton.find_moves(beam.state)
            demanded = set(cells[number].wanted)
            short = beam.state.need + 1 > remaining
            asked = zip(cells[number].wanted, wanted[number], strict=True)
            found = [(token, logprob, True) for token, logprob in asked]
            lasting = 0
            for rank, (token, logprob) in enumerate(
                zip(tokens[number], logprobs[number], strict=True)
            ):
                if logprob == MINUS_INFINITY or lasting == width:
                    break
                ends = token in self.rules.enders
                lasting += not ends
                if token not in demanded and (rank < width or not ends):
                    found.append((token, logprob, False))
            for token, logprob, is_demanded in found:
                if logprob == MINUS_INFINITY:
                    continue
                state = moves.after(token)
                beams.append(number)
                ids.append(token)
                sums.append(beam.logprob + logprob)
                states.append(state)
                ending.append(token in self.rules.enders and self._may_end(state))
                urgent.append(is_demanded and short)
        total = np.array(sums, dtype=np.float64)
        return Candidates(
            np.array(beams, dtype=np.int64),
            np.array(ids, dtype=np.int64),
            total,
            states,
            np.array(ending, dtype=np.bool_),
            np.array(urgent, dtype=np.bool_),
            total >= _find_nth_largest(total, width),
        )

    def prune(self, candidates: Candidates, floor: float = MINUS_INFINITY) -> Candidates:
        """Those that are likely enough and satisfy enough (end of step 1, and step 2).

        In addition to the paper's two bounds there is an exact one: a log-probability only falls
        and a length only grows to max_new_tokens, so what cannot beat the finished hypothesis any
        more is dropped. The search is over when that leaves nothing.

        Args:
            candidates: of this step.
            floor: log-probability of the alpha-th best of all beams x vocabulary cells.
        """
        if not len(candidates):
            return candidates
        stays = (candidates.logprob >= floor) | candidates.likely | candidates.urgent
        stays &= self._bound(candidates.logprob) > self._score_to_beat()
        if self.config.beta is not None:
            counts = np.array([state.count for state in candidates.states])
            lasting = stays & ~candidates.ending
            if lasting.any():
                stays &= candidates.ending | (counts >= counts[lasting].max() - self.config.beta)
        return candidates.select(stays)

    def choose(self, candidates: Candidates) -> None:
        """Finish what ends, and choose the next beams (steps 3 to 6).

        Args:
            candidates: after pruning.
        """
        before = self.beams
        self.length += 1
        self._finish(candidates)
        lasting = ~candidates.ending & (self._bound(candidates.logprob) > self._score_to_beat())
        chosen = [i for i in self._rank(candidates) if lasting[i]][: self.config.beams]
        self.parents = [int(candidates.beam[i]) for i in chosen]
        self.beams = [self._extend(before, candidates, i) for i in chosen]
        if self.length == self.config.max_new_tokens:
            self._unfinished, self.beams = self.beams, []
        elif not self.beams and self._finished is None:
            self._unfinished = before

    def _rank(self, candidates: Candidates) -> list[int]:
        """Candidates in the order in which they become beams (steps 3 to 5).

        A candidate's score is its log-probability and a bonus for a phrase under way.

        Complete ones among the most likely cells come first. Then, as far as there are any,
        those whose length still suffices for all clauses; and among them the best of every
        group, the second of every group, and so on.
        """
        remaining = self.config.max_new_tokens - self.length
        states = candidates.states
        lasting = ~candidates.ending
        complete = np.array([s.complete for s in states], dtype=np.bool_) & candidates.likely
        need = np.array([state.need for state in states], dtype=np.int64)
        tight = (need + 1 > remaining).astype(np.int64) + (need > remaining)
        groups: dict[int, int] = {}
        group = np.array([groups.setdefault(s.satisfied, len(groups)) for s in states])
        progress = np.array([state.progress for state in states], dtype=np.float64)
        bonus = self.config.progress_weight * progress
        score = candidates.logprob + np.where(complete, 0.0, bonus)
        ties = (candidates.token, candidates.beam)
        turn = np.zeros(len(states), dtype=np.int64)
        taken: dict[int, int] = {}
        for i in np.lexsort((*ties, -score, tight)).tolist():
            if lasting[i] and not complete[i]:
                turn[i] = taken[group[i]] = taken.get(group[i], -1) + 1
        order: list[int] = np.lexsort((*ties, -score, turn, tight, ~complete)).tolist()
        return order

    def _extend(self, before: Sequence[Beam], candidates: Candidates, i: int) -> Beam:
        parent = before[candidates.beam[i]]
        token = int(candidates.token[i])
        history = None
        if parent.history is not None:
            history = parent.history.fork()
            history.append(token)
        tokens = (*parent.tokens, token)
        return Beam(tokens, float(candidates.logprob[i]), candidates.states[i], history)

    def _score(self, logprob: float, tokens: int) -> float:
        return float(logprob / tokens**self.config.length_penalty)

    def _bound(self, logprob: NDArray[np.float64]) -> NDArray[np.float64]:
        """The best scores that hypotheses of these log-probabilities may still end with."""
        longest = float(self.config.max_new_tokens)
        bound: NDArray[np.float64] = logprob / longest**self.config.length_penalty
        return bound

    def _score_to_beat(self) -> float:
        best = self._finished
        return MINUS_INFINITY if best is None else self._score(best.logprob, len(best.tokens))

    def _finish(self, candidates: Candidates) -> None:
        """Take the likeliest candidate that ends, if it is better than what has ended before."""
        ending = np.flatnonzero(candidates.ending)
        if not len(ending):
            return
        i = int(ending[candidates.logprob[ending].argmax()])
        if self._score(float(candidates.logprob[i]), self.length) > self._score_to_beat():
            self._finished = self._extend(self.beams, candidates, i)

    def find_best(self) -> Hypothesis:
        """The finished hypothesis of the best score.

        Without one, of what max_new_tokens cut off, that with the most clauses satisfied and then
        the best score.
        """
        if self._finished is not None:
            return self._make_hypothesis(self._finished, finished=True)
        cut = [self._make_hypothesis(beam, finished=False) for beam in self._unfinished]
        return max(cut, key=lambda one: (one.satisfied, one.score))

    def _make_hypothesis(self, beam: Beam, *, finished: bool) -> Hypothesis:
        return Hypothesis(
            text=decode_after(self.rules.tokenizer, self.prompt, beam.tokens),
            tokens=beam.tokens,
            logprob=beam.logprob,
            score=self._score(beam.logprob, max(len(beam.tokens), 1)),
            satisfied=beam.state.count,
            clauses=self.automaton.clauses,
            finished=finished,
        )


def _find_nth_largest(values: NDArray[np.float64], n: int) -> float:
    """The n-th largest value, or the smallest of fewer."""
    if not len(values):
        return MINUS_INFINITY
    rank = min(n, len(values))
    return float(np.partition(values, len(values) - rank)[len(values) - rank])
