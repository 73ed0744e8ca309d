"""Divergences against worked values, the literal formulas in float64, and autograd."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import pytest
import torch
from scipy.special import rel_entr

from dimsum.objectives import divergence as module
from dimsum.objectives.divergence import (
    divergence,
    divergence_of_log_probabilities,
    entropy,
)

P = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
Q = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
BETAS = (0.0, 1e-9, 1e-5, 0.019, 0.021, 0.1, 0.5, 0.9, 0.985, 1 - 1e-5, 1.0)


def literal(p: torch.Tensor, q: torch.Tensor, beta: float) -> torch.Tensor:
    """JSD(beta) as the paper prints it; at the ends the KL that it tends to when scaled."""
    if beta == 0:
        return (p * (p / q).log()).sum(-1)
    if beta == 1:
        return (q * (q / p).log()).sum(-1)
    m = beta * p + (1 - beta) * q
    return beta * (p * (p / m).log()).sum(-1) + (1 - beta) * (q * (q / m).log()).sum(-1)


@pytest.mark.parametrize(
    ("beta", "normalisation", "value"),
    [
        (0.0, "scaled", 0.498224),  # .6 ln 3 + .1 ln .2
        (1.0, "scaled", 0.584996),  # .2 ln (1/3) + .5 ln 5
        (0.1, "printed", 0.044421),
        (0.5, "printed", 0.125101),
        (0.9, "printed", 0.050030),
        (0.001, "scaled", 0.49816),
        (0.999, "scaled", 0.58465),
        (0.0, "printed", 0.0),
        (1.0, "printed", 0.0),
    ],
)
def test_worked_values(beta: float, normalisation: Any, value: float) -> None:
    for kind in (torch.float32, torch.float64):
        found = divergence(
            P.log().to(kind), Q.log().to(kind), beta=beta, normalisation=normalisation
        )
        assert found.item() == pytest.approx(value, abs=6e-6)
    assert divergence(P.log(), Q.log(), beta=0.0).item() == pytest.approx(
        float(rel_entr(P, Q).sum())
    )
    assert divergence(P.log(), Q.log(), beta=1.0).item() == pytest.approx(
        float(rel_entr(Q, P).sum())
    )


@pytest.mark.parametrize("beta", [0.0, 0.019, 0.021, 0.1, 0.5, 0.9, 0.985, 1.0])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_values_and_gradients_are_those_of_the_formula(beta: float, temperature: float) -> None:
    chance = torch.Generator().manual_seed(3)
    teacher = 3 * torch.randn(2, 5, 11, dtype=torch.float64, generator=chance)
    student = 3 * torch.randn(2, 5, 11, dtype=torch.float64, generator=chance)
    outer = torch.randn(2, 5, dtype=torch.float64, generator=chance)
    student.requires_grad_()
    found = divergence(teacher, student, beta=beta, temperature=temperature)
    assert found.shape == (2, 5)
    (mine,) = torch.autograd.grad((found * outer).sum(), student)
    p, q = ((x / temperature).softmax(-1) for x in (teacher, student))
    expected = literal(p, q, beta) / (beta * (1 - beta) or 1.0)
    (theirs,) = torch.autograd.grad((expected * outer).sum(), student)
    torch.testing.assert_close(found.detach(), expected.detach(), rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(mine, theirs, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("beta", BETAS[1:-1])
def test_values_near_the_ends_in_fifty_digits(beta: float) -> None:
    chance = torch.Generator().manual_seed(4)
    teacher, student = (
        4 * torch.randn(3, 6, dtype=torch.float64, generator=chance) for _ in range(2)
    )
    found = divergence(teacher, student, beta=beta).tolist()
    with mpmath.workdps(50):
        for row in range(3):
            raw = [[mpmath.exp(x) for x in side[row].tolist()] for side in (teacher, student)]
            p, q = ([x / sum(side) for x in side] for side in raw)
            b = mpmath.mpf(beta)
            m = [b * x + (1 - b) * y for x, y in zip(p, q, strict=True)]
            first = sum(x * mpmath.log(x / z) for x, z in zip(p, m, strict=True))
            second = sum(y * mpmath.log(y / z) for y, z in zip(q, m, strict=True))
            expected = float((b * first + (1 - b) * second) / (b * (1 - b)))
            assert found[row] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("beta", BETAS)
def test_the_gradient_by_finite_differences(beta: float) -> None:
    chance = torch.Generator().manual_seed(1)
    teacher, student = (torch.randn(4, 7, dtype=torch.float64, generator=chance) for _ in range(2))
    student.requires_grad_()
    torch.autograd.gradcheck(lambda x: divergence(teacher, x, beta=beta), student, atol=1e-6)
    few = [x.detach().log_softmax(-1) for x in (teacher, student)]
    classes = divergence_of_log_probabilities(*few, beta)
    torch.testing.assert_close(classes, divergence(teacher, student, beta=beta).detach())


@pytest.mark.parametrize("beta", [1e-8, 1e-4, 1 - 1e-4])
def test_it_is_continuous_near_its_ends_in_float32(beta: float) -> None:
    chance = torch.Generator().manual_seed(5)
    teacher, student = (torch.randn(20, 300, generator=chance) for _ in range(2))
    end = divergence(teacher.double(), student.double(), beta=float(round(beta)))
    near = divergence(teacher, student, beta=beta)
    torch.testing.assert_close(near.double(), end, rtol=5e-3, atol=1e-5)
    apart = [4 * teacher, 4 * student]  # P / Q is up to 1e13: more than 1 / beta
    exact = divergence(*(x.double() for x in apart), beta=beta)
    torch.testing.assert_close(divergence(*apart, beta=beta).double(), exact, rtol=1e-5, atol=1e-6)
    same = divergence(teacher, teacher + 7, beta=beta)
    assert same.abs().max() < 1e-5


def test_logits_far_apart_give_finite_numbers() -> None:
    teacher = torch.tensor([[300.0, 0.0, -300.0]])
    for beta in BETAS:
        student = torch.tensor([[-300.0, 0.0, 300.0]], requires_grad=True)
        found = divergence(teacher, student, beta=beta)
        found.sum().backward()
        assert torch.isfinite(found).all() and torch.isfinite(student.grad).all()
    # P and Q share no token: JSD(beta) is the entropy of (beta, 1 - beta).
    half = divergence(teacher, -teacher, beta=0.01, normalisation="printed")
    assert half.item() == pytest.approx(-(0.01 * math.log(0.01) + 0.99 * math.log(0.99)), rel=1e-5)


def test_padded_logits_and_masked_positions_have_no_part() -> None:
    chance = torch.Generator().manual_seed(2)
    teacher = torch.randn(2, 4, 9, generator=chance)
    student = torch.randn(2, 4, 12, generator=chance)
    mask = torch.tensor([[True, False, True, False], [False, False, True, True]])
    student[..., 9:] = 50.0
    student.requires_grad_()
    found = divergence(teacher, student, beta=0.3, mask=mask, vocabulary=9)
    plain = divergence(teacher, student[..., :9].detach(), beta=0.3)
    torch.testing.assert_close(found.detach(), plain[mask])
    found.sum().backward()
    assert student.grad is not None
    assert student.grad[..., 9:].abs().max() == 0
    assert student.grad[~mask].abs().max() == 0
    assert student.grad[mask][:, :9].abs().sum(-1).min() > 0


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    teacher, student = torch.randn(13, 50), torch.randn(13, 50, requires_grad=True)
    results = []
    for elements in (1, 200, 1 << 22):
        monkeypatch.setattr(module, "CHUNK_ELEMENTS", elements)
        found = divergence(teacher, student, beta=0.5)
        (gradient,) = torch.autograd.grad(found.sum(), student)
        results.append((found.detach(), gradient, entropy(student)))
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            torch.testing.assert_close(one, two)


def test_bfloat16_logits_are_taken_in_float32() -> None:
    teacher, student = (torch.randn(6, 40).bfloat16() for _ in range(2))
    found = divergence(teacher, student.requires_grad_(), beta=0.9)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, divergence(teacher.float(), student.float(), beta=0.9))
    found.sum().backward()
    assert student.grad is not None and student.grad.dtype == torch.bfloat16


def test_entropy_in_nats() -> None:
    assert entropy(torch.zeros(3, 8)).tolist() == pytest.approx([math.log(8)] * 3)
    assert entropy(Q.log()[None], temperature=1.0).item() == pytest.approx(
        -sum(q * math.log(q) for q in Q.tolist())
    )
