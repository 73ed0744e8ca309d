"""The gradient of an expected reward by samples (Williams 1992, REINFORCE).

    d/dw E[r(y)] = E[(r(y) - b) d/dw log p(y)]

for every baseline b that does not depend on y. The baseline makes the estimate less noisy and
leaves its mean as it is.
"""

from __future__ import annotations

from typing import Any

import torch

from dimsum.objectives.divergence import CHUNK_ELEMENTS


def measure_advantages(rewards: torch.Tensor) -> torch.Tensor:
    """Rewards of the first samples less a baseline that is independent of them.

    With several samples of a prompt the baseline is the mean reward of the others of the same
    prompt, otherwise that of the other prompts (Kool et al. 2019); a sample that stands alone has
    the baseline 0.

    Args:
        rewards: of each prompt's samples, shape (prompts, samples).

    Returns:
        shape (prompts,).
    """
    first = rewards[:, 0]
    if rewards.shape[1] > 1:
        return first - rewards[:, 1:].mean(1)
    others = len(first) - 1
    return first - (first.sum() - first) / others if others > 0 else first


def measure_log_likelihoods(
    logits: torch.Tensor,
    tokens: torch.Tensor,
    *,
    temperature: float = 1.0,
    vocabulary: int | None = None,
) -> torch.Tensor:
    """Log-probabilities of tokens, in chunks of positions.

    Nothing but the logits and their gradient is as large as all positions times the vocabulary.

    Args:
        logits: shape (n, at least `vocabulary`).
        tokens: ids, shape (n,).
        temperature: divides the logits.
        vocabulary: tokens at the beginning that are some; None: all.

    Returns:
        nats, at least float32, shape (n,).
    """
    size = vocabulary or logits.shape[-1]
    found: torch.Tensor = _LogLikelihoods.apply(  # type: ignore[no-untyped-call]
        logits, tokens, temperature, size
    )
    return found


class _LogLikelihoods(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: torch.Tensor, tokens: torch.Tensor, temperature: float, size: int
    ) -> torch.Tensor:
        exact = torch.float64 if logits.dtype == torch.float64 else torch.float32
        found = torch.empty(len(logits), dtype=exact, device=logits.device)
        whole = torch.empty_like(found)
        for part in _split_parts(len(logits), size):
            scores = logits[part, :size].to(exact) / temperature
            whole[part] = scores.logsumexp(-1)
            found[part] = scores.gather(-1, tokens[part, None])[:, 0] - whole[part]
        ctx.save_for_backward(logits, tokens, whole)
        ctx.how = temperature, size
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        logits, tokens, whole = ctx.saved_tensors
        temperature, size = ctx.how
        outer = gradients[0] / temperature
        slopes = torch.zeros_like(logits)
        for part in _split_parts(len(logits), size):
            # d log p(t) / d logit_v = ([v = t] - p_v) / temperature
            scores = logits[part, :size].to(whole.dtype) / temperature
            inner = (scores - whole[part, None]).exp_().mul_(-outer[part, None])
            inner.scatter_add_(-1, tokens[part, None], outer[part, None])
            slopes[part, :size] = inner.to(slopes.dtype)
        return slopes, None, None, None


def _split_parts(rows: int, size: int) -> list[slice]:
    step = max(1, CHUNK_ELEMENTS // size)
    return [slice(start, start + step) for start in range(0, rows, step)]
