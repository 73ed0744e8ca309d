from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from builder.decoding.draw import draw

NOTHING = torch.empty(0, dtype=torch.int64)


def nucleus(logits: np.ndarray, temperature: float, top_p: float) -> np.ndarray:
    """The distribution sampled from, by the definition: sort everything, keep the shortest head."""
    scores = logits.astype(np.float64) / temperature
    mass = np.exp(scores - scores.max())
    mass /= mass.sum()
    order = np.argsort(-mass, kind="stable")
    before = np.cumsum(mass[order]) - mass[order]
    inside = order[before < top_p]
    out = np.zeros_like(mass)
    out[inside] = mass[inside] / mass[inside].sum()
    return out


def frequencies(logits: torch.Tensor, many: int, **how: Any) -> np.ndarray:
    uniforms = np.random.default_rng(7).random(many)
    drawn = draw(logits.repeat(many, 1), uniforms, [()] * many, banned=NOTHING, **how)
    return np.bincount(drawn.tokens, minlength=logits.shape[-1])


def p_value(counts: np.ndarray, expected: np.ndarray) -> float:
    """Pearson's test; tokens expected fewer than five times are counted as one."""
    expected = expected * counts.sum()
    if counts[expected == 0].any():
        return 0.0
    rare = expected < 5
    seen = np.append(counts[~rare], counts[rare].sum())
    due = np.append(expected[~rare], expected[rare].sum())
    seen, due = seen[due > 0], due[due > 0]
    return float(chi2.sf(((seen - due) ** 2 / due).sum(), len(due) - 1))


@pytest.mark.parametrize(("temperature", "top_p"), [(0.7, 0.9), (1.0, 0.5), (1.5, 1.0)])
def test_frequencies_are_the_nucleus(temperature: float, top_p: float) -> None:
    logits = torch.randn(1, 300, generator=torch.Generator().manual_seed(1)) * 2
    counts = frequencies(logits, 20000, temperature=temperature, top_p=top_p)
    assert p_value(counts, nucleus(logits[0].numpy(), temperature, top_p)) > 1e-3


def test_the_frequency_test_can_fail() -> None:
    logits = torch.randn(1, 300, generator=torch.Generator().manual_seed(1)) * 2
    counts = frequencies(logits, 20000, temperature=0.7, top_p=0.88)
    assert p_value(counts, nucleus(logits[0].numpy(), 0.7, 0.9)) < 1e-6
    counts = frequencies(logits, 20000, temperature=0.75, top_p=0.9)
    assert p_value(counts, nucleus(logits[0].numpy(), 0.7, 0.9)) < 1e-6


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    vocabulary=st.sampled_from([3, 50, 700, 3000]),
    spread=st.sampled_from([0.3, 2.0, 8.0]),
    top_p=st.sampled_from([0.05, 0.5, 0.9, 0.999, 1.0]),
)
def test_every_draw_inverts_the_distribution(
    seed: int, vocabulary: int, spread: float, top_p: float
) -> None:
    logits = torch.randn(5, vocabulary, generator=torch.Generator().manual_seed(seed)) * spread
    uniforms = np.random.default_rng(seed).random(5)
    drawn = draw(logits, uniforms, [()] * 5, banned=NOTHING, temperature=0.7, top_p=top_p)
    for row, uniform, token in zip(logits.numpy(), uniforms, drawn.tokens, strict=True):
        # float32 normalisers leave a small doubt about where the nucleus and a share end.
        possible = set()
        for p in (top_p - 1e-5, top_p, min(1.0, top_p + 1e-5)):
            reached = np.cumsum(nucleus(row, 0.7, p))
            for u in (uniform - 1e-5, uniform, uniform + 1e-5):
                index = np.searchsorted(reached, u, side="right")
                possible.add(min(int(index), int(np.argmax(reached >= 1 - 1e-9))))
        assert token in possible


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    spread=st.sampled_from([0.0, 0.3, 2.0]),
    top_p=st.sampled_from([0.05, 0.9]),
)
def test_with_ties_the_draw_is_from_a_nucleus(seed: int, spread: float, top_p: float) -> None:
    """bfloat16 logits are full of ties, and which of them the nucleus ends with is open."""
    source = torch.Generator().manual_seed(seed)
    logits = (torch.randn(1, 700, generator=source) * spread).bfloat16().repeat(200, 1)
    uniforms = np.random.default_rng(seed).random(200)
    drawn = draw(logits, uniforms, [()] * 200, banned=NOTHING, temperature=0.7, top_p=top_p)
    row = logits[0].float().numpy()
    least = row[nucleus(row, 0.7, top_p) > 0].min()
    size = (nucleus(row, 0.7, top_p) > 0).sum()
    assert row[drawn.tokens].min() >= least
    assert len(set(drawn.tokens)) <= size + 1


def test_a_long_nucleus_is_not_cut() -> None:
    """A flat distribution's nucleus is far larger than any head that is tried first."""
    logits = torch.zeros(1, 2000)
    counts = frequencies(logits, 15000, temperature=1.0, top_p=0.9)
    assert abs((counts > 0).sum() - 1800) <= 8


def test_masks_come_before_the_nucleus() -> None:
    logits = torch.tensor([[4.0, 3.0, 2.0, 1.0]]).repeat(2000, 1)
    uniforms = np.random.default_rng(0).random(2000)
    expected = float(logits[0].log_softmax(-1)[2])
    drawn = draw(
        logits,
        uniforms,
        [(1,)] * 2000,
        banned=torch.tensor([0]),
        temperature=1.0,
        top_p=0.7,
    )
    assert set(drawn.tokens) == {2}
    assert np.allclose(drawn.logprobs, expected, atol=1e-5)


def test_nothing_left_to_draw() -> None:
    drawn = draw(
        torch.zeros(2, 3),
        np.array([0.1, 0.9]),
        [(0, 1, 2), (0,)],
        banned=NOTHING,
        temperature=1.0,
        top_p=0.9,
    )
    assert drawn.tokens[0] == -1
    assert drawn.tokens[1] in (1, 2)


def test_draws_of_one_row_are_those_of_copies_of_it() -> None:
    source = torch.Generator().manual_seed(3)
    logits = torch.randn(3, 900, generator=source) * 4
    owners = np.array([2, 0, 0, 2, 2, 1, 0])
    uniforms = np.random.default_rng(3).random(7)
    blocked = [(1, 2), (), (5,)]
    how = {"banned": torch.tensor([7]), "temperature": 0.7, "top_p": 0.95}
    ends = torch.tensor([4, 9, 11])
    copies = draw(
        logits[torch.from_numpy(owners)],
        uniforms,
        [blocked[owner] for owner in owners],
        ends=ends,
        **how,
    )
    drawn = draw(logits.clone(), uniforms, blocked, ends=ends, owners=owners, **how)
    assert drawn.tokens.tolist() == copies.tokens.tolist()
    assert drawn.logprobs.tolist() == copies.logprobs.tolist()
    assert drawn.ends is not None and copies.ends is not None
    assert drawn.ends.tolist() == copies.ends.tolist()
    assert np.array_equal(drawn.end_logprobs, copies.end_logprobs)
