from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.decoding.filters import BannedStrings, NgramHistory, find_end_tokens

sequences = st.lists(st.integers(0, 3), max_size=30)


def by_definition(size: int, ids: list[int]) -> set[int]:
    return {
        token
        for token in range(4)
        if any(
            ids[i : i + size] == [*ids, token][len(ids) + 1 - size :]
            for i in range(len(ids) - size + 1)
        )
    }


@given(size=st.integers(1, 4), ids=sequences, split=st.integers(0, 30))
def test_history_blocks_exactly_the_repeats(size: int, ids: list[int], split: int) -> None:
    history = NgramHistory(size, ids[:split])
    for token in ids[split:]:
        history.append(token)
    assert set(history.blocked()) == (by_definition(size, ids) if len(ids) >= size else set())


@given(size=st.integers(1, 3), shared=sequences, one=sequences, other=sequences)
def test_forks_do_not_see_each_other(
    size: int, shared: list[int], one: list[int], other: list[int]
) -> None:
    trunk = NgramHistory(size, shared)
    forks = [trunk.fork(), trunk.fork()]
    again = forks[0].fork()
    for fork, ids in zip([*forks, again], [one, other, other], strict=True):
        for token in ids:
            fork.append(token)
    for fork, ids in zip([trunk, *forks, again], [[], one, other, other], strict=True):
        assert set(fork.blocked()) == set(NgramHistory(size, shared + ids).blocked())


def test_size_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        NgramHistory(0)


def test_a_control_character_bans_every_token_with_it(tokenizer: Any) -> None:
    banned = BannedStrings(tokenizer, ("\n",))
    texts = {tokenizer.decode([i]): i for i in range(len(tokenizer))}
    assert {i for text, i in texts.items() if "\n" in text} == set(banned.ids.tolist())
    assert not banned.spans_tokens


def test_a_word_bans_itself_only(tokenizer: Any) -> None:
    banned = BannedStrings(tokenizer, ("t", "</s>"))
    (alone,), (spaced,) = (tokenizer.encode(text, add_special_tokens=False) for text in ("t", " t"))
    assert set(banned.ids.tolist()) == {alone, spaced, tokenizer.eos_token_id}


def test_a_spelled_out_string_is_blocked_at_its_end(tokenizer: Any) -> None:
    banned = BannedStrings(tokenizer, ("Zqx",))
    ids = tokenizer.encode(" Zqx", add_special_tokens=False)
    assert len(ids) > 1
    assert len(banned.ids) == 0
    assert set(banned.blocked([5, *ids[:-1]])) == {ids[-1]}
    assert banned.blocked(ids[:-2]) == []


def test_every_end_token_is_known() -> None:
    model = SimpleNamespace(
        generation_config=SimpleNamespace(eos_token_id=[7, 3]),
        config=SimpleNamespace(eos_token_id=3),
    )
    assert find_end_tokens(model, SimpleNamespace(eos_token_id=9)) == (3, 7, 9)
    nothing = SimpleNamespace(config=SimpleNamespace(eos_token_id=None))
    assert find_end_tokens(nothing, SimpleNamespace(eos_token_id=None)) == ()
