from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.decoding.automaton import Automaton, State
from builder.decoding.constraints import (
    Clause,
    Constraints,
    Tokens,
    count_fewest_tokens,
    holds,
    make_clause,
    remove_unusable,
    tokenize_in_text,
)
from builder.errors import ConfigError

ALPHABET = 4
tokens = st.integers(0, ALPHABET - 1)
phrases = st.lists(tokens, min_size=1, max_size=4).map(tuple)
clauses = st.lists(phrases, min_size=1, max_size=4).map(lambda many: Clause(tuple(many)))
cnfs = st.lists(clauses, min_size=1, max_size=4).map(lambda many: Constraints(tuple(many)))
streams = st.lists(tokens, max_size=14)


def cnf(*clauses: tuple[Tokens, ...]) -> Constraints:
    return Constraints(tuple(map(Clause, clauses)))


def appears(phrase: Tokens, stream: list[int]) -> bool:
    return "".join(map(str, phrase)) in "".join(map(str, stream))


def find_satisfied(constraints: Constraints, stream: list[int]) -> set[int]:
    """By string matching."""
    return {
        number
        for number, clause in enumerate(constraints.clauses)
        if any(appears(phrase, stream) for phrase in clause.phrases)
    }


def bits(state: State) -> set[int]:
    return {i for i in range(state.satisfied.bit_length()) if state.satisfied >> i & 1}


def run(automaton: Automaton, stream: list[int]) -> State:
    state = automaton.start
    for token in stream:
        state = automaton.find_moves(state).after(token)
    return state


@given(cnfs, streams)
@settings(max_examples=300, deadline=None)
def test_states_are_those_of_string_matching(constraints: Constraints, stream: list[int]) -> None:
    automaton = Automaton(constraints)
    state = automaton.start
    for length in range(len(stream) + 1):
        expected = find_satisfied(constraints, stream[:length])
        assert bits(state) == expected
        assert state.count == len(expected)
        assert state.complete == (len(expected) == len(constraints.clauses))
        if length < len(stream):
            state = automaton.find_moves(state).after(stream[length])


@given(cnfs, streams, st.sets(tokens, max_size=2))
@settings(max_examples=200, deadline=None)
def test_removing_the_unusable_changes_no_verdict(
    constraints: Constraints, stream: list[int], never: set[int]
) -> None:
    """On a sentence of the other tokens."""
    stream = [token for token in stream if token not in never]
    satisfied = find_satisfied(constraints, stream)
    try:
        usable = remove_unusable(constraints, never)
    except ConfigError:
        assert len(satisfied) < len(constraints.clauses)
    else:
        assert find_satisfied(usable, stream) == satisfied
        assert all(never.isdisjoint(p) for clause in usable.clauses for p in clause.phrases)


@given(cnfs, streams)
@settings(max_examples=200, deadline=None)
def test_moves_name_what_is_demanded(constraints: Constraints, stream: list[int]) -> None:
    automaton = Automaton(constraints)
    state = run(automaton, stream)
    satisfied = find_satisfied(constraints, stream)
    wanted = [
        phrase
        for number, clause in enumerate(constraints.clauses)
        if number not in satisfied
        for phrase in clause.phrases
    ]
    live = {
        (phrase, size)
        for phrase in wanted
        for size in range(1, len(phrase))
        if tuple(stream[-size:]) == phrase[:size]
    }
    fraction = max((size / len(phrase) for phrase, size in live), default=0.0)
    assert state.progress == pytest.approx(fraction)
    moves = automaton.find_moves(state)
    going_on = {phrase[size] for phrase, size in live}
    assert moves.going_on == going_on
    assert moves.forced == tuple(sorted({phrase[0] for phrase in wanted} | going_on))


@given(cnfs, streams)
@settings(max_examples=200, deadline=None)
def test_need_is_enough(constraints: Constraints, stream: list[int]) -> None:
    """Some way of `need` more tokens satisfies every clause."""
    automaton = Automaton(constraints)
    state = run(automaton, stream)
    for left in range(state.need, 0, -1):
        assert not state.complete
        moves = automaton.find_moves(state)
        after = [moves.after(token) for token in moves.forced]
        state = min(after, key=lambda one: one.need)
        assert state.need <= left - 1
        if state.complete:
            break
    assert state.complete


@given(cnfs, streams)
@settings(max_examples=200, deadline=None)
def test_fewest_tokens_are_a_lower_bound(constraints: Constraints, stream: list[int]) -> None:
    if len(find_satisfied(constraints, stream)) == len(constraints.clauses):
        assert count_fewest_tokens(constraints) <= len(stream)


def test_fewest_tokens_add_up_what_cannot_overlap() -> None:
    apart = cnf(((0, 1),), ((2, 2, 2), (3, 3)), ((4,),))
    assert count_fewest_tokens(apart) == 5
    assert count_fewest_tokens(cnf(((0, 1, 2),), ((2, 0),))) == 3


def test_a_shorter_start_inside_a_longer_one_survives() -> None:
    automaton = Automaton(cnf(((0, 0, 1),)))
    assert run(automaton, [0, 0, 0, 1]).complete
    overlapping = Automaton(cnf(((0, 1, 0, 2),)))
    assert run(overlapping, [0, 1, 0, 1, 0, 2]).complete
    assert not run(overlapping, [0, 1, 0, 1, 2]).complete


def test_several_prefixes_live_at_once() -> None:
    automaton = Automaton(cnf(((0, 1, 2, 3),), ((1, 2, 4),), ((2, 5),)))
    state = run(automaton, [0, 1, 2])
    assert automaton.find_moves(state).going_on == {3, 4, 5}
    assert state.progress == pytest.approx(3 / 4)
    assert bits(automaton.find_moves(state).after(5)) == {2}


def test_a_phrase_shared_with_a_satisfied_clause_stays() -> None:
    """The released code deletes phrase (1,) together with the first clause."""
    automaton = Automaton(cnf(((0,), (1,)), ((2,), (1,))))
    after = run(automaton, [0])
    assert bits(after) == {0}
    assert automaton.find_moves(after).forced == (1, 2)
    assert automaton.find_moves(after).after(1).complete
    assert run(automaton, [1]).complete


def test_what_cannot_be_generated_cannot_be_demanded() -> None:
    either = cnf(((1, 2), (3,)))
    assert run(Automaton(either, (2,)), [1, 2]).complete is False
    assert run(Automaton(either, (2,)), [3]).complete
    with pytest.raises(ConfigError, match="no sentence satisfies"):
        Automaton(either, (2, 3))


def test_nothing_demanded_is_complete_from_the_start() -> None:
    empty = Automaton(Constraints())
    assert empty.start.complete
    assert empty.find_moves(empty.start).forced == ()
    assert empty.find_moves(empty.start).after(7) is empty.start


def test_an_empty_clause_or_phrase_is_refused() -> None:
    for empty in ((), ((1,), ())):
        with pytest.raises(ConfigError, match="has no tokens"):
            Clause(empty)


def test_a_keyword_is_tokenised_behind_a_space(tokenizer: Any) -> None:
    assert tokenizer.decode(tokenize_in_text("river", tokenizer)) == " river"
    assert holds(tokenizer.encode("The old river"), tokenize_in_text("river", tokenizer))


def test_a_keyword_is_spelt_in_up_to_three_ways(tokenizer: Any) -> None:
    def spell(keyword: str) -> list[str]:
        return [tokenizer.decode(one) for one in make_clause(keyword, tokenizer).phrases]

    assert spell("mcCoy") == [" mcCoy", " mccoy", " McCoy"]
    assert spell("old town") == spell(" old town ") == [" old town", " Old town"]
    assert spell("12") == [" 12"]


def test_keywords_make_one_clause_each(tokenizer: Any) -> None:
    made = Constraints.from_keywords(["river", "old town"], tokenizer)
    assert [str(clause) for clause in made.clauses] == ["'river'", "'old town'"]
    for empty in ("", "   ", "\n"):
        with pytest.raises(ConfigError, match="no tokens"):
            Constraints.from_keywords([empty], tokenizer)


def test_a_keyword_of_unknown_tokens_is_refused() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.WordLevel({"<unk>": 0, "the": 1, "cat": 2}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    words = PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>")
    assert make_clause("cat", words).phrases == ((2,),)
    with pytest.raises(ConfigError, match="no tokens of this tokenizer"):
        make_clause("dog", words)
