"""Weights on tokens and examples, and the logits of a few likely tokens: pure functions."""

from __future__ import annotations

import math

import torch

_LEAST_SPREAD = 1e-7
"""Added to a standard deviation, as in arXiv 2403.01427."""


def standardise(logits: torch.Tensor) -> torch.Tensor:
    """z-scores of logits over their last dimension: (l - mean) / (sd + 1e-7).

    arXiv 2403.01427, equation 9, with the population's standard deviation. A softmax of them is
    the same for a l + b with any a > 0 and b: a student has to agree with the order and the
    relative distances of the teacher's logits, not with their size. Made for a hundred classes; of
    a whole vocabulary give the teacher's k likeliest tokens (`take_likeliest`).

    Args:
        logits: shape (..., k).

    Returns:
        shape (..., k), mean 0 and standard deviation 1.
    """
    spread, mean = torch.std_mean(logits, dim=-1, keepdim=True, correction=0)
    return (logits - mean) / (spread + _LEAST_SPREAD)


def take_likeliest(
    teacher: torch.Tensor, student: torch.Tensor, k: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Both logits at the teacher's k largest.

    Args:
        teacher: logits, shape (..., vocabulary).
        student: logits, shape (..., vocabulary).

    Returns:
        two of shape (..., k), from the teacher's largest on.
    """
    found = teacher.topk(min(k, teacher.shape[-1]), dim=-1)
    return found.values, student.gather(-1, found.indices)


def add_rest(log_probabilities: torch.Tensor) -> torch.Tensor:
    """Some tokens' log-probabilities and, behind them, that of all others together.

    A divergence of such classes is at most that of the whole distributions, and equal to it where
    the others are in the same proportions; no mass can hide outside the k tokens.

    Args:
        log_probabilities: shape (..., k), with a sum of probabilities of at most 1.

    Returns:
        shape (..., k + 1).
    """
    least = torch.finfo(log_probabilities.dtype).eps  # of the others: log 0 has no gradient
    together = log_probabilities.logsumexp(-1, keepdim=True).clamp(max=-least)
    return torch.cat([log_probabilities, torch.log(-torch.expm1(together))], dim=-1)


def weigh_by_pass_rate(rate: torch.Tensor, a: float = 1.0, b: float = 1.0) -> torch.Tensor:
    """Weights of examples, p^a (1 - p)^b: most for those that are neither mastered nor hopeless.

    PACED, arXiv 2603.11178. The largest is at p = a / (a + b).

    Args:
        rate: p, the share of the student's own outputs for an example that is accepted; shape (n,).

    Returns:
        shape (n,), divided by the largest possible weight, so that they lie between 0 and 1.
    """
    top = a / (a + b) if a + b else 0.0
    most = math.pow(top, a) * math.pow(1 - top, b)
    return rate.pow(a) * (1 - rate).pow(b) / most


def count_selected(length: int, share: float) -> int:
    """How many of a sequence's positions `select_by_entropy` takes: at least one of any."""
    return min(length, max(1, math.ceil(share * length - 1e-9)))


def select_by_entropy(entropies: torch.Tensor, mask: torch.Tensor, share: float) -> torch.Tensor:
    """The positions of each sequence at which the student is least certain.

    Selective distillation (SE-KD): the top share of positions by the student's entropy. They are
    counted within a sequence, so that what shares a batch with it changes nothing.

    Args:
        entropies: nats, shape (sequences, length).
        mask: target positions, boolean, shape (sequences, length).
        share: of each sequence's positions, above 0 and at most 1.

    Returns:
        boolean, shape (sequences, length); of equal entropies the earlier position is taken.
    """
    selected = torch.zeros_like(mask)
    ranked = entropies.masked_fill(~mask, -1.0)
    order = ranked.argsort(dim=-1, descending=True, stable=True)
    for row, length in enumerate(mask.sum(-1).tolist()):
        selected[row, order[row, : count_selected(length, share)]] = length > 0
    return selected


def weigh_by_entropy_difference(teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    """sigmoid(H_student - H_teacher): more where the student doubts and the teacher does not.

    The token weights of TSD-KD.

    Args:
        teacher: entropies in nats, any shape.
        student: the same.
    """
    return torch.sigmoid(student - teacher)
