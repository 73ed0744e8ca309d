"""One draw from the nucleus of each row's next-token distribution.

The nucleus (Holtzman et al. 2020) is the smallest set of most probable tokens whose mass
reaches top_p. Finding it by sorting 50,000 logits a row costs more than the forward pass of a
small model, so only the head of the distribution is sorted: the k largest logits hold the
nucleus exactly when their mass, under the normaliser of the whole vocabulary, reaches top_p.
Rows where it does not go round again with a larger k, at last with the whole vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

_HEADS = (64, 1024)
_CHUNK_ROWS = 32


@dataclass(frozen=True, slots=True)
class Drawn:
    """One token a row.

    Attributes:
        tokens: int64 [rows]; -1 where the masks left nothing to draw.
        logprobs: float64 [rows], of the token under the model at temperature 1, unmasked.
    """

    tokens: NDArray[np.int64]
    logprobs: NDArray[np.float64]


@torch.inference_mode()
def draw(
    logits: torch.Tensor,
    uniforms: NDArray[np.float64],
    blocked: Sequence[Sequence[int]],
    *,
    banned: torch.Tensor,
    temperature: float,
    top_p: float,
) -> Drawn:
    """Draw each row's next token by inverting the nucleus's distribution function.

    Order as in transformers: masks, then temperature, then the nucleus. A row's token depends on
    nothing but its logits, its masks and its uniform.

    Args:
        logits: [rows, vocabulary], any floating dtype.
        uniforms: [rows] in [0, 1).
        blocked: each row's own forbidden ids.
        banned: int64, ids forbidden in every row.
        temperature: above 0.
        top_p: in (0, 1].
    """
    rows = len(logits)
    tokens = np.empty(rows, dtype=np.int64)
    logprobs = np.empty(rows, dtype=np.float64)
    # A chunk's working copy is float32 and stays in the processor's cache.
    for first in range(0, rows, _CHUNK_ROWS):
        part = slice(first, min(first + _CHUNK_ROWS, rows))
        scores = logits[part].to(torch.float32, copy=True)
        total = scores.logsumexp(-1)
        masked = _mask(scores, blocked[part], banned)
        uniform = torch.from_numpy(uniforms[part]).to(scores.device)
        chosen = _invert(masked / temperature, uniform, top_p)
        picked = logits[part].gather(1, chosen.clamp(min=0)[:, None])[:, 0].float() - total
        tokens[part] = chosen.cpu().numpy()
        logprobs[part] = picked.double().cpu().numpy()
    return Drawn(tokens, logprobs)


def _mask(
    scores: torch.Tensor, blocked: Sequence[Sequence[int]], banned: torch.Tensor
) -> torch.Tensor:
    """Write minus infinity, in place, over what may not come."""
    if len(banned):
        scores.index_fill_(1, banned.to(scores.device), -torch.inf)
    places = [(row, token) for row, ids in enumerate(blocked) for token in ids]
    if places:
        index = torch.tensor(places, device=scores.device)
        scores[index[:, 0], index[:, 1]] = -torch.inf
    return scores


def _invert(scores: torch.Tensor, uniform: torch.Tensor, top_p: float) -> torch.Tensor:
    """The token of each row where the nucleus's distribution function passes the uniform."""
    vocabulary = scores.shape[1]
    total = scores.logsumexp(-1)
    chosen = torch.full((len(scores),), -1, dtype=torch.int64, device=scores.device)
    waiting = torch.nonzero(total > -torch.inf)[:, 0]
    for head in (*_HEADS, vocabulary):
        if not len(waiting):
            break
        some = len(waiting) < len(scores)
        part = scores[waiting] if some else scores
        values, tokens = part.topk(min(head, vocabulary), sorted=True)
        mass = (values.double() - total[waiting, None]).exp()
        reached = mass.cumsum(-1)
        held = (reached[:, -1] >= top_p) | (head >= vocabulary)
        # A token belongs to the nucleus while the mass before it is short of top_p.
        size = ((reached - mass) < top_p).sum(-1)
        nucleus = reached.gather(1, size[:, None] - 1)
        target = uniform[waiting, None] * nucleus
        place = torch.minimum(torch.searchsorted(reached, target, right=True), size[:, None] - 1)
        ids = tokens.gather(1, place)[:, 0]
        chosen[waiting[held]] = ids[held]
        waiting = waiting[~held]
    return chosen
