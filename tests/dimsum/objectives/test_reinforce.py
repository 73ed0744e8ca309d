"""The gradient of an expected reward against its exact value, by enumeration."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from dimsum.objectives import reinforce
from dimsum.objectives.reinforce import measure_advantages, measure_log_likelihoods

END = 0
LENGTH = 3
CHOICES = 3


def sequences() -> list[tuple[int, ...]]:
    """Every sequence over three tokens that ends with END or is three tokens long."""
    found = []
    for length in range(1, LENGTH + 1):
        for words in product(range(CHOICES), repeat=length):
            ended = END in words
            if (ended and words.index(END) == length - 1) or (not ended and length == LENGTH):
                found.append(words)
    return found


def logs_of(policy: torch.Tensor, words: tuple[int, ...]) -> torch.Tensor:
    """log p of a sequence under a table of logits, a row for each place and token before it."""
    before = (CHOICES, *words[:-1])
    rows = torch.stack([policy[place, last] for place, last in enumerate(before)])
    return measure_log_likelihoods(rows, torch.tensor(words)).sum()


def test_the_mean_estimate_is_the_exact_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    shape = (LENGTH, CHOICES + 1, CHOICES)
    policy = torch.randn(shape, dtype=torch.float64, generator=generator, requires_grad=True)
    every = sequences()
    assert len(every) == 1 + 2 + 4 + 8
    rewards = torch.randn(len(every), dtype=torch.float64, generator=generator)
    plain = policy.log_softmax(-1)
    chances = torch.stack(
        [
            sum(plain[i, (CHOICES, *w[:-1])[i], token] for i, token in enumerate(w)).exp()  # type: ignore[union-attr,misc]
            for w in every
        ]
    )
    assert chances.sum().item() == pytest.approx(1.0)
    (exact,) = torch.autograd.grad((chances * rewards).sum(), policy)
    slopes = torch.stack([torch.autograd.grad(logs_of(policy, w), policy)[0] for w in every])
    chances = chances.detach()
    # Two samples of one prompt: the second is the baseline. Two prompts: each is the other's.
    for shape_of in ((1, 2), (2, 1)):
        mean = torch.zeros_like(exact)
        for i, j in product(range(len(every)), repeat=2):
            found = measure_advantages(rewards[[i, j]].reshape(shape_of))
            own = (slopes[i], slopes[j])[: len(found)]
            step = sum(a * s for a, s in zip(found, own, strict=True)) / len(found)
            mean += chances[i] * chances[j] * step
        torch.testing.assert_close(mean, exact)


def test_advantages_by_hand() -> None:
    rewards = torch.tensor([[1.0, 0.0, 0.5], [0.2, 0.4, 0.6]])
    torch.testing.assert_close(measure_advantages(rewards), torch.tensor([0.75, -0.3]))
    alone = torch.tensor([[1.0], [0.4], [0.1]])
    torch.testing.assert_close(measure_advantages(alone), torch.tensor([0.75, -0.15, -0.6]))
    torch.testing.assert_close(measure_advantages(torch.tensor([[0.7]])), torch.tensor([0.7]))


@pytest.mark.parametrize("chunk", [1, 25, 10**6])
def test_log_likelihoods_are_those_of_a_softmax(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reinforce, "CHUNK_ELEMENTS", chunk)
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(7, 12, dtype=torch.float64, generator=generator, requires_grad=True)
    tokens = torch.randint(10, (7,), generator=generator)
    weights = torch.randn(7, dtype=torch.float64, generator=generator)
    found = measure_log_likelihoods(logits, tokens, temperature=0.7, vocabulary=10)
    plain = (logits[:, :10] / 0.7).log_softmax(-1).gather(-1, tokens[:, None])[:, 0]
    torch.testing.assert_close(found, plain)
    one, other = (torch.autograd.grad((weights * x).sum(), logits)[0] for x in (found, plain))
    torch.testing.assert_close(one, other)
    assert one[:, 10:].abs().max() == 0


def test_half_precision_logits_are_computed_with_in_float32() -> None:
    logits = torch.randn(4, 9, generator=torch.Generator().manual_seed(2))
    half = logits.bfloat16().requires_grad_()
    tokens = torch.tensor([0, 3, 8, 1])
    found = measure_log_likelihoods(half, tokens)
    assert found.dtype == torch.float32
    plain = half.detach().float().log_softmax(-1).gather(-1, tokens[:, None])[:, 0]
    torch.testing.assert_close(found, plain)
    (slopes,) = torch.autograd.grad(found.sum(), half)
    assert slopes.dtype == torch.bfloat16
