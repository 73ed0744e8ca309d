"""Weights against values worked by hand, and the invariances that they are made for."""

from __future__ import annotations

import math

import pytest
import torch

from dimsum.objectives.divergence import divergence, divergence_of_log_probabilities
from dimsum.objectives.weights import (
    add_rest,
    count_selected,
    select_by_entropy,
    standardise,
    take_likeliest,
    weigh_by_entropy_difference,
    weigh_by_pass_rate,
)


def test_standardised_logits_by_hand_and_their_invariance() -> None:
    logits = torch.tensor([[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]])  # mean 5, sd 2
    expected = [-1.5, -0.5, -0.5, -0.5, 0.0, 0.0, 1.0, 2.0]
    assert standardise(logits)[0].tolist() == pytest.approx(expected, abs=1e-6)
    torch.testing.assert_close(standardise(0.3 * logits - 20), standardise(logits))
    assert not torch.allclose(standardise(-logits), standardise(logits))
    assert torch.equal(standardise(torch.ones(2, 4)), torch.zeros(2, 4))


def test_the_teacher_chooses_the_tokens() -> None:
    teacher = torch.tensor([[1.0, 5.0, 3.0, 4.0]])
    student = torch.tensor([[9.0, 1.0, 2.0, 3.0]])
    first, second = take_likeliest(teacher, student, 2)
    assert first.tolist() == [[5.0, 4.0]]
    assert second.tolist() == [[1.0, 3.0]]
    assert take_likeliest(teacher, student, 99)[1].shape == (1, 4)


def test_the_rest_is_a_class_of_its_own() -> None:
    found = add_rest(torch.tensor([[0.5, 0.2]]).log()).exp()
    assert found[0].tolist() == pytest.approx([0.5, 0.2, 0.3], abs=1e-6)
    whole = add_rest(torch.tensor([[0.75, 0.25]]).log()).exp()
    assert whole[0, 2].item() == pytest.approx(0, abs=1e-6)


def test_a_divergence_of_few_tokens_is_a_lower_bound_that_tightens() -> None:
    chance = torch.Generator().manual_seed(0)
    teacher, student = (
        3 * torch.randn(20, 30, dtype=torch.float64, generator=chance) for _ in range(2)
    )
    for beta in (0.0, 0.5, 1.0):
        exact = divergence(teacher, student, beta=beta)
        before = torch.zeros(20, dtype=torch.float64)
        for k in (1, 5, 29):
            classes = take_likeliest(teacher.log_softmax(-1), student.log_softmax(-1), k)
            few = divergence_of_log_probabilities(*map(add_rest, classes), beta)
            assert (few >= before - 1e-9).all() and (few <= exact + 1e-9).all()
            before = few
        torch.testing.assert_close(before, exact, rtol=1e-7, atol=1e-9)


def test_pass_rates_count_most_in_the_middle() -> None:
    rates = torch.tensor([0.0, 0.25, 0.5, 1.0])
    assert weigh_by_pass_rate(rates).tolist() == pytest.approx([0, 0.75, 1, 0])
    # a 1, b 2: p (1 - p)^2 is largest at 1/3, where it is 4/27.
    found = weigh_by_pass_rate(torch.tensor([1 / 3, 0.5]), a=1, b=2)
    assert found.tolist() == pytest.approx([1, 0.125 * 27 / 4])
    assert weigh_by_pass_rate(rates, a=0, b=0).tolist() == [1, 1, 1, 1]


def test_the_least_certain_positions_of_each_sequence() -> None:
    entropies = torch.tensor([[0.1, 0.9, 0.5, 0.9, 9.0], [3.0, 1.0, 2.0, 8.0, 8.0]])
    mask = torch.tensor([[True] * 4 + [False], [True] * 3 + [False] * 2])
    assert select_by_entropy(entropies, mask, 0.5).nonzero().tolist() == [
        [0, 1], [0, 3], [1, 0], [1, 2]
    ]  # fmt: skip
    assert select_by_entropy(entropies, mask, 0.01).sum(-1).tolist() == [1, 1]
    assert torch.equal(select_by_entropy(entropies, mask, 1.0), mask)
    empty = torch.zeros_like(mask)
    assert torch.equal(select_by_entropy(entropies, empty, 0.5), empty)
    assert [count_selected(n, 0.2) for n in (0, 1, 5, 6, 10)] == [0, 1, 1, 2, 2]


def test_entropy_differences() -> None:
    found = weigh_by_entropy_difference(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0]))
    assert found.tolist() == pytest.approx([0.5, 1 / (1 + math.exp(-1))])
