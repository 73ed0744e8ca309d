from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.decoding.automaton import Automaton, ClauseState
from builder.decoding.constraints import (
    Clause,
    Constraints,
    Literal,
    fewest_tokens,
    holds,
    phrase,
    tokens_in_text,
)
from builder.errors import ConfigError

ALPHABET = 4
tokens = st.integers(0, ALPHABET - 1)
forms = st.lists(st.lists(tokens, min_size=1, max_size=4).map(tuple), min_size=1, max_size=2)
literals = st.builds(Literal, forms.map(tuple), st.booleans())
clauses = st.lists(literals, min_size=1, max_size=3).map(lambda many: Clause(tuple(many)))
cnfs = st.lists(clauses, min_size=1, max_size=4).map(lambda many: Constraints(tuple(many)))
streams = st.lists(tokens, max_size=14)


def literal(*form: int, positive: bool = True) -> Literal:
    return Literal((form,), positive)


def cnf(*clauses: tuple[Literal, ...]) -> Constraints:
    return Constraints(tuple(Clause(one) for one in clauses))


def appears(one: Literal, stream: list[int]) -> bool:
    text = "".join(map(str, stream))
    return any("".join(map(str, form)) in text for form in one.forms)


def naive_state(clause: Clause, stream: list[int]) -> ClauseState:
    if any(one.positive and appears(one, stream) for one in clause.literals):
        return ClauseState.SATISFIED
    if any(not one.positive and not appears(one, stream) for one in clause.literals):
        return ClauseState.BREAKABLE
    if any(one.positive for one in clause.literals):
        return ClauseState.UNSATISFIED
    return ClauseState.IMPOSSIBLE


def compiled(constraints: Constraints) -> Automaton | None:
    try:
        return Automaton(constraints)
    except ConfigError:
        return None


def run(automaton: Automaton, stream: list[int]) -> Any:
    state = automaton.start
    for token in stream:
        state = automaton.advance(state, token)
    return state


@given(cnfs, streams)
@settings(max_examples=300, deadline=None)
def test_states_are_those_of_string_matching(constraints: Constraints, stream: list[int]) -> None:
    automaton = compiled(constraints)
    if automaton is None:
        return
    state = automaton.start
    for length in range(len(stream) + 1):
        seen = [naive_state(clause, stream[:length]) for clause in automaton.constraints.clauses]
        assert automaton.clause_states(state) == tuple(seen)
        good = {
            i for i, one in enumerate(seen) if one in (ClauseState.BREAKABLE, ClauseState.SATISFIED)
        }
        assert automaton.satisfied(state) == good
        assert state.count == len(good)
        assert state.complete == (len(good) == len(seen))
        assert state.dead == (ClauseState.IMPOSSIBLE in seen)
        if length < len(stream):
            state = automaton.advance(state, stream[length])


@given(cnfs, streams)
@settings(max_examples=200, deadline=None)
def test_simplifying_changes_no_verdict_on_a_full_sentence(
    constraints: Constraints, stream: list[int]
) -> None:
    def verdict(these: Constraints) -> bool:
        good = (ClauseState.BREAKABLE, ClauseState.SATISFIED)
        return all(naive_state(clause, stream) in good for clause in these.clauses)

    automaton = compiled(constraints)
    assert verdict(constraints) == (automaton is not None and verdict(automaton.constraints))


@given(cnfs, streams)
@settings(max_examples=200, deadline=None)
def test_moves_name_what_is_demanded_and_what_is_forbidden(
    constraints: Constraints, stream: list[int]
) -> None:
    automaton = compiled(constraints)
    if automaton is None:
        return
    state = run(automaton, stream)
    if state.dead:
        return
    moves = automaton.moves(state)
    wanted = [
        form
        for clause in automaton.constraints.clauses
        if naive_state(clause, stream) is ClauseState.UNSATISFIED
        for one in clause.literals
        if one.positive
        for form in one.forms
    ]
    live = {
        (form, size)
        for form in wanted
        for size in range(1, len(form))
        if tuple(stream[-size:]) == form[:size]
    }
    fraction = max((size / len(form) for form, size in live), default=0.0)
    assert state.progress == pytest.approx(fraction)
    demanded = {form[0] for form in wanted} | {form[size] for form, size in live}
    dying = {t for t in range(ALPHABET) if run(automaton, [*stream, t]).dead}
    assert set(moves.forbidden) == dying
    assert set(moves.forced) == demanded - dying
    assert moves.going_on == {form[size] for form, size in live} - dying


@given(cnfs, streams)
@settings(max_examples=200, deadline=None)
def test_need_is_enough(constraints: Constraints, stream: list[int]) -> None:
    """Some way of `need` more tokens satisfies every clause, where nothing can break."""
    positive = Constraints(
        tuple(c for c in constraints.clauses if all(one.positive for one in c.literals))
    )
    automaton = Automaton(positive)
    state = run(automaton, stream)
    for left in range(state.need, 0, -1):
        assert not state.complete
        after = [automaton.advance(state, t) for t in automaton.moves(state).forced]
        state = min(after, key=lambda one: one.need)
        assert state.need <= left - 1
        if state.complete:
            break
    assert state.complete


@given(cnfs, streams)
@settings(max_examples=200, deadline=None)
def test_fewest_tokens_is_a_lower_bound(constraints: Constraints, stream: list[int]) -> None:
    good = (ClauseState.BREAKABLE, ClauseState.SATISFIED)
    if all(naive_state(clause, stream) in good for clause in constraints.clauses):
        assert fewest_tokens(constraints) <= len(stream)


def test_fewest_tokens_adds_up_what_cannot_overlap() -> None:
    apart = cnf((literal(0, 1),), (literal(2, 2, 2), literal(3, 3)), (literal(4),))
    assert fewest_tokens(apart) == 5
    assert fewest_tokens(cnf((literal(0, 1, 2),), (literal(2, 0),))) == 3
    assert fewest_tokens(cnf((literal(0, 1),), (literal(5), literal(6, positive=False)))) == 2


def test_a_shorter_start_inside_a_longer_one_survives() -> None:
    automaton = Automaton(cnf((literal(0, 0, 1),)))
    assert run(automaton, [0, 0, 0, 1]).complete
    overlapping = Automaton(cnf((literal(0, 1, 0, 2),)))
    assert run(overlapping, [0, 1, 0, 1, 0, 2]).complete
    assert not run(overlapping, [0, 1, 0, 1, 2]).complete


def test_several_prefixes_live_at_once() -> None:
    automaton = Automaton(cnf((literal(0, 1, 2, 3),), (literal(1, 2, 4),), (literal(2, 5),)))
    state = run(automaton, [0, 1, 2])
    assert automaton.moves(state).going_on == {3, 4, 5}
    assert state.progress == pytest.approx(3 / 4)
    assert automaton.satisfied(automaton.advance(state, 5)) == {2}


def test_a_literal_shared_with_a_satisfied_clause_stays() -> None:
    """The released code deletes literal (1,) together with the first clause."""
    shared = literal(1)
    automaton = Automaton(cnf((literal(0), shared), (literal(2), shared)))
    after = run(automaton, [0])
    assert automaton.satisfied(after) == {0}
    assert automaton.moves(after).forced == (1, 2)
    assert automaton.advance(after, 1).complete
    assert run(automaton, [1]).complete


def test_the_four_states_of_a_mixed_clause() -> None:
    mixed = Automaton(
        cnf(
            (literal(0, positive=False), literal(1)),
        )
    )
    assert mixed.clause_states(mixed.start) == (ClauseState.BREAKABLE,)
    broken = mixed.advance(mixed.start, 0)
    assert mixed.clause_states(broken) == (ClauseState.UNSATISFIED,)
    assert not broken.complete and mixed.moves(broken).forced == (1,)
    assert mixed.clause_states(mixed.advance(broken, 1)) == (ClauseState.SATISFIED,)
    either = Automaton(cnf((literal(0, positive=False), literal(1, positive=False))))
    one_broken = either.advance(either.start, 0)
    assert one_broken.complete
    assert either.moves(one_broken).forbidden == (1,)
    assert either.clause_states(either.advance(one_broken, 1)) == (ClauseState.IMPOSSIBLE,)


def test_a_banned_phrase_forbids_only_its_last_token() -> None:
    automaton = Automaton(cnf((literal(0, 1, positive=False),)))
    assert automaton.moves(automaton.start).forbidden == ()
    assert automaton.moves(automaton.advance(automaton.start, 0)).forbidden == (1,)
    assert automaton.moves(run(automaton, [0, 2])).forbidden == ()


@pytest.mark.parametrize(
    "constraints",
    [
        cnf((literal(1),), (literal(1, positive=False),)),
        cnf((literal(0, 1, 2),), (literal(1, 2, positive=False),)),
        cnf((literal(1), literal(2)), (literal(1, positive=False),), (literal(2, positive=False),)),
        cnf((literal(1),), (literal(2), literal(1, positive=False)), (literal(2, positive=False),)),
        cnf(
            (literal(2, positive=False),),
            (literal(1, positive=False), literal(2)),
            (literal(0, positive=False), literal(1)),
            (literal(0),),
        ),
    ],
)
def test_a_contradiction_is_refused(constraints: Constraints) -> None:
    with pytest.raises(ConfigError, match="no sentence satisfies"):
        Automaton(constraints)


def test_what_cannot_be_generated_cannot_be_demanded() -> None:
    either = cnf(
        (literal(1, 2), literal(3)),
    )
    assert run(Automaton(either, (2,)), [1, 2]).complete is False
    assert run(Automaton(either, (2,)), [3]).complete
    with pytest.raises(ConfigError, match="no sentence satisfies"):
        Automaton(either, (2, 3))


def test_nothing_demanded_is_complete_from_the_start() -> None:
    empty = Automaton(Constraints())
    assert empty.start.complete
    assert empty.moves(empty.start).forced == ()
    assert empty.advance(empty.start, 7) is empty.start


def test_empty_literals_and_clauses_are_refused() -> None:
    with pytest.raises(ConfigError, match="has no tokens"):
        Literal(())
    with pytest.raises(ConfigError, match="has no tokens"):
        Literal(((1,), ()))
    with pytest.raises(ConfigError, match="cannot be satisfied"):
        Clause(())


def test_a_keyword_is_tokenised_behind_a_space(tokenizer: Any) -> None:
    assert tokenizer.decode(tokens_in_text("river", tokenizer)) == " river"
    assert holds(tokenizer.encode("The old river"), tokens_in_text("river", tokenizer))


def test_surface_forms(tokenizer: Any) -> None:
    def spelt(*cases: Any) -> list[str]:
        return [tokenizer.decode(form) for form in phrase("mcCoy", tokenizer, cases=cases).forms]

    assert spelt("written") == [" mcCoy"]
    assert spelt("written", "lower", "capitalised") == [" mcCoy", " mccoy", " McCoy"]
    assert [tokenizer.decode(f) for f in phrase("old town", tokenizer).forms] == [
        " old town",
        " Old town",
    ]


def test_keywords_make_one_clause_each(tokenizer: Any) -> None:
    made = Constraints.from_keywords(
        ["river", ["dog", "dogs"]], tokenizer, cases=("written",), banned=["storm"]
    )
    assert [str(clause) for clause in made.clauses] == ["'river'", "'dog' or 'dogs'", "not 'storm'"]
    for empty in ("", "   ", "\n"):
        with pytest.raises(ConfigError, match="no tokens"):
            Constraints.from_keywords([empty], tokenizer)
    with pytest.raises(ConfigError, match="cannot be satisfied"):
        Constraints.from_keywords([[]], tokenizer)


def test_a_keyword_of_unknown_tokens_is_refused() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.WordLevel({"<unk>": 0, "the": 1, "cat": 2}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    words = PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>")
    assert phrase("cat", words).forms == ((2,),)
    with pytest.raises(ConfigError, match="no tokens of this tokenizer"):
        phrase("dog", words)
