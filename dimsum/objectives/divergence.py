"""Divergences between the next-token distributions of a teacher P and a student Q.

With M = beta P + (1 - beta) Q, the generalised Jensen-Shannon divergence of arXiv 2306.13649 is

    JSD(beta) = beta KL(P || M) + (1 - beta) KL(Q || M).

As printed it vanishes at both ends. Divided by beta (1 - beta) it goes to the forward KL(P || Q) at
beta 0 and to the reverse KL(Q || P) at beta 1, and is computed here so that it does: exactly at the
ends, and without the cancellation near them that differences of logarithms would bring.

Nothing here is as large as all positions times the vocabulary but the logits and their gradient:
positions are taken in chunks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch

Teacher = torch.Tensor | Callable[[torch.Tensor], torch.Tensor]
Normalisation = Literal["scaled", "printed"]
"""`scaled`: divided by beta (1 - beta), continuous up to both KLs. `printed`: as in the paper."""

CHUNK_ELEMENTS = 1 << 21
"""Logits that are computed with at a time: 8 MiB of float32, a few times over."""
_NEAR_AN_END = 0.02
_TINY = 0.02
_LARGEST = 80.0  # of a difference of log-probabilities: its exponential is finite in float32


def divergence(
    teacher: Teacher,
    student: torch.Tensor,
    *,
    beta: float,
    temperature: float = 1.0,
    normalisation: Normalisation = "scaled",
    mask: torch.Tensor | None = None,
    vocabulary: int | None = None,
) -> torch.Tensor:
    """A divergence at each position; only the student's logits get a gradient.

    Args:
        teacher: logits, shape (..., at least `vocabulary`); or what gives them for the positions
            whose indices among all, in row-major order, it gets: they are never all there then.
        student: logits, shape (..., at least `vocabulary`).
        beta: from 0, forward KL, to 1, reverse KL.
        temperature: divides both logits; the result is not multiplied by its square.
        normalisation: of what lies between the ends.
        mask: positions that count, boolean, of the logits' leading shape; None: all.
        vocabulary: tokens at the beginning that are some; logits behind them are padding. None:
            all.

    Returns:
        nats, float32 (float64 of float64 logits). Without a mask of the leading shape, with one
        of shape (mask.sum(),), in row-major order.
    """
    size = vocabulary or student.shape[-1]
    rows = _find_rows(student, mask)
    if isinstance(teacher, torch.Tensor):
        teacher = teacher.detach().reshape(-1, teacher.shape[-1])
    found: torch.Tensor = _Divergence.apply(  # type: ignore[no-untyped-call]
        student.reshape(-1, student.shape[-1]),
        teacher,
        rows,
        (beta, temperature, normalisation, size),
    )
    return found.reshape(student.shape[:-1]) if mask is None else found


def entropy(
    logits: torch.Tensor,
    *,
    temperature: float = 1.0,
    mask: torch.Tensor | None = None,
    vocabulary: int | None = None,
) -> torch.Tensor:
    """Entropy in nats at each position, without a gradient; the arguments are those above."""
    size = vocabulary or logits.shape[-1]
    flat, rows = logits.detach().reshape(-1, logits.shape[-1]), _find_rows(logits, mask)
    found = [
        torch.special.entr(_log_softmax(flat[part], size, temperature).exp()).sum(-1)
        for part in _split_chunks(rows, size)
    ]
    joined = torch.cat(found) if found else flat.new_zeros(0, dtype=torch.float32)
    return joined.reshape(logits.shape[:-1]) if mask is None else joined


def divergence_of_log_probabilities(
    teacher: torch.Tensor,
    student: torch.Tensor,
    beta: float,
    normalisation: Normalisation = "scaled",
) -> torch.Tensor:
    """The same of log-probabilities, by autograd: for a few classes.

    Args:
        teacher: shape (..., classes).
        student: shape (..., classes).

    Returns:
        nats, shape (...).
    """
    return _measure_scaled(teacher, student, beta) * _choose_factor(beta, normalisation)


class _Divergence(torch.autograd.Function):
    """Value and gradient of a chunk are found together: its softmaxes are computed once."""

    @staticmethod
    def forward(
        ctx: Any,
        student: torch.Tensor,
        teacher: Teacher,
        rows: torch.Tensor,
        how: tuple[float, float, Normalisation, int],
    ) -> torch.Tensor:
        beta, temperature, normalisation, size = how
        factor = _choose_factor(beta, normalisation)
        exact = torch.float64 if student.dtype == torch.float64 else torch.float32
        found = torch.empty(len(rows), dtype=exact, device=student.device)
        slopes = torch.zeros_like(student) if ctx.needs_input_grad[0] else None
        done = 0
        for part in _split_chunks(rows, size):
            own = teacher[part] if isinstance(teacher, torch.Tensor) else teacher(part)
            p = _log_softmax(own, size, temperature)
            q = _log_softmax(student[part], size, temperature)
            found[done : done + len(part)] = _measure_scaled(p, q, beta)
            done += len(part)
            if slopes is not None:
                # dD/dlogit_v = Q_v (g_v - sum_u Q_u g_u) / temperature, where g_v = dD/dQ_v.
                inner = _weigh_slope(p, q, beta)
                inner -= q.exp_().mul_(inner.sum(-1, keepdim=True))
                slopes[part, :size] = inner.mul_(factor / temperature).to(slopes.dtype)
        ctx.save_for_backward(rows, slopes)
        return found.mul_(factor)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        rows, slopes = ctx.saved_tensors
        outer = torch.zeros(len(slopes), dtype=gradients[0].dtype, device=slopes.device)
        outer[rows] = gradients[0]
        return slopes * outer.to(slopes.dtype).unsqueeze(-1), None, None, None


def _measure_scaled(p: torch.Tensor, q: torch.Tensor, beta: float) -> torch.Tensor:
    """The scaled divergence of log-probabilities, shape (...)."""
    if beta == 0:
        return _sum_kl(p, q)
    if beta == 1:
        return _sum_kl(q, p)
    if _NEAR_AN_END < beta < 1 - _NEAR_AN_END:
        mixture = _mix_logs(p, q, beta)
        return _sum_kl(p, mixture) / (1 - beta) + _sum_kl(q, mixture) / beta
    return _measure_skewed(p, q, 1 - beta) + _measure_skewed(q, p, beta)


def _sum_kl(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """KL(P || Q) of log-probabilities; tokens that P rules out add nothing."""
    chance = p.exp()
    return torch.where(chance > 0, chance * (p - q), torch.zeros_like(p)).sum(-1)


def _measure_skewed(own: torch.Tensor, other: torch.Tensor, weight: float) -> torch.Tensor:
    """KL(A || (1 - w) A + w B) / w of log-probabilities log A and log B, exact for w near 0.

    With x = w (B / A - 1) it is the sum of -A log(1 + x) / w. Each summand has a part of the first
    order in w, A - B, which sums to zero over the vocabulary; without it every summand is positive
    and nothing cancels.
    """
    difference = other - own
    x = weight * torch.expm1(difference.clamp(max=_LARGEST))
    tiny = x.abs() < _TINY
    y = torch.where(tiny, x, torch.zeros_like(x))
    series = y * y * (1 / 2 - y * (1 / 3 - y * (1 / 4 - y * (1 / 5 - y / 6))))
    chance = own.exp()
    plain = other.exp() - chance - chance * _mix_logs(difference, None, weight) / weight
    return torch.where(tiny, chance * series / weight, plain).sum(-1)


def _mix_logs(p: torch.Tensor, q: torch.Tensor | None, beta: float) -> torch.Tensor:
    """log(beta P + (1 - beta) Q) of log-probabilities; Q is 1 where it is None."""
    rest = torch.full_like(p, math.log1p(-beta)) if q is None else q + math.log1p(-beta)
    return torch.logaddexp(p + math.log(beta), rest)


def _weigh_slope(p: torch.Tensor, q: torch.Tensor, beta: float) -> torch.Tensor:
    """Q_v dD/dQ_v of the scaled divergence D, up to a multiple of Q_v, which changes nothing."""
    if beta == 0:  # dD/dQ = -P / Q
        return -p.exp()
    chance = q.exp()
    if beta == 1:  # log(Q / P)
        return torch.where(chance > 0, chance * (q - p), torch.zeros_like(p))
    if beta > _NEAR_AN_END:  # log(Q / M) / beta
        return chance * (q - _mix_logs(p, q, beta)) / beta
    x = beta * torch.expm1((p - q).clamp(max=_LARGEST))
    log_ratio = torch.where(x.abs() < _TINY, torch.log1p(x), _mix_logs(p - q, None, beta))
    return chance * log_ratio / -beta


def _choose_factor(beta: float, normalisation: Normalisation) -> float:
    return 1.0 if normalisation == "scaled" else beta * (1 - beta)


def _find_rows(logits: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Indices of the positions that count among all, shape (n,)."""
    if mask is None:
        return torch.arange(logits[..., 0].numel(), device=logits.device)
    return mask.reshape(-1).nonzero().reshape(-1)


def _split_chunks(rows: torch.Tensor, size: int) -> Iterator[torch.Tensor]:
    return iter(torch.split(rows, max(1, CHUNK_ELEMENTS // size)))


def _log_softmax(logits: torch.Tensor, size: int, temperature: float) -> torch.Tensor:
    """Log-probabilities of the first `size` tokens, at least float32, shape (rows, size)."""
    part = logits[:, :size]
    part = part if part.dtype == torch.float64 else part.float()
    return torch.log_softmax(part if temperature == 1 else part / temperature, dim=-1)
