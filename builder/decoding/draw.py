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

_HEADS = ((64, 64), (512, 8), (2048, 4))
"""k, and the stride that the vocabulary is folded by to find the k largest logits."""

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
    nothing but its logits, its masks and its uniform, and moves little when its logits do.

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
    # A chunk is worked on in place and stays in the processor's cache.
    shape = (min(rows, _CHUNK_ROWS), logits.shape[1])
    whole, scratch = (logits.new_empty(shape, dtype=torch.float32) for _ in range(2))
    for first in range(0, rows, _CHUNK_ROWS):
        part = slice(first, min(first + _CHUNK_ROWS, rows))
        scores, work = whole[: part.stop - first], scratch[: part.stop - first]
        scores.copy_(logits[part])
        normaliser = _logsumexp(scores, scores.amax(1, keepdim=True), 1.0, work)
        _mask(scores, blocked[part], banned)
        # Below 1 by more than rounding, so that a share's end is never stepped over.
        uniform = torch.from_numpy(uniforms[part]).to(scores.device).clamp(max=1 - 2.0**-50)
        chosen = _invert(scores, uniform, temperature, top_p, work)
        picked = logits[part].gather(1, chosen.clamp(min=0)[:, None])[:, 0] - normaliser
        tokens[part] = chosen.cpu().numpy()
        logprobs[part] = picked.double().cpu().numpy()
    return Drawn(tokens, logprobs)


def _mask(scores: torch.Tensor, blocked: Sequence[Sequence[int]], banned: torch.Tensor) -> None:
    """Write minus infinity, in place, over what may not come."""
    if len(banned):
        scores.index_fill_(1, banned.to(scores.device), -torch.inf)
    places = [(row, token) for row, ids in enumerate(blocked) for token in ids]
    if places:
        index = torch.tensor(places, device=scores.device)
        scores[index[:, 0], index[:, 1]] = -torch.inf


def _logsumexp(
    scores: torch.Tensor, most: torch.Tensor, temperature: float, work: torch.Tensor
) -> torch.Tensor:
    """log of the sum of exp(scores / temperature), [rows]; `most` is each row's largest score.

    Each of these passes over the vocabulary is a visible part of a decoding step, so there is
    one fewer than in torch.logsumexp and nothing is allocated.
    """
    torch.add(most / -temperature, scores, alpha=1 / temperature, out=work)
    return work.exp_().sum(1).log_() + most[:, 0] / temperature


def _invert(
    scores: torch.Tensor,
    uniform: torch.Tensor,
    temperature: float,
    top_p: float,
    work: torch.Tensor,
) -> torch.Tensor:
    """The token of each row where the nucleus's distribution function passes the uniform."""
    vocabulary = scores.shape[1]
    most = scores.amax(1, keepdim=True)
    alive = most[:, 0] > -torch.inf
    normaliser = _logsumexp(scores, most, temperature, work)
    chosen = torch.full((len(scores),), -1, dtype=torch.int64, device=scores.device)
    waiting = torch.nonzero(alive)[:, 0]
    heads = _HEADS if top_p < 1 else ()
    for head, fold in (*heads, (vocabulary, 1)):
        if not len(waiting):
            break
        part = scores[waiting] if len(waiting) < len(scores) else scores
        values, tokens = _largest(part, min(head, vocabulary), fold)
        mass = (values.double() / temperature - normaliser[waiting, None]).exp()
        reached = mass.cumsum(-1)
        held = (reached[:, -1] >= top_p) | (head >= vocabulary)
        # A token belongs to the nucleus while the mass before it is short of top_p.
        mass = mass.masked_fill_(reached - mass >= top_p, 0.0)
        # Inverted in the order of the ids: in that of the masses, rounding that swaps two tokens
        # of like mass would change the draw anywhere in their shares.
        tokens, order = tokens.sort(dim=1)
        reached = mass.gather(1, order).cumsum(-1)
        target = uniform[waiting, None] * reached[:, -1:]
        place = torch.searchsorted(reached, target, right=True)
        ids = tokens.gather(1, place.clamp_(max=tokens.shape[1] - 1))[:, 0]
        chosen[waiting[held]] = ids[held]
        waiting = waiting[~held]
    return chosen


def _largest(scores: torch.Tensor, many: int, fold: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The `many` largest of each row in descending order, as torch.topk, and their places.

    The vocabulary is folded into columns of `fold` tokens; the largest `many` tokens lie in the
    `many` columns with the largest maxima, since each of those maxima is at least as large as
    anything in the other columns. What does not fill a column is looked at as well.
    """
    rows, vocabulary = scores.shape
    columns = vocabulary // fold
    if fold == 1 or columns <= 2 * many:
        values, places = scores.topk(many)
        return values, places
    folded = scores[:, : columns * fold].view(rows, fold, columns)
    chosen = folded.amax(1).topk(many, sorted=False).indices
    found = folded.gather(2, chosen[:, None].expand(-1, fold, -1)).flatten(1)
    found = torch.cat([found, scores[:, columns * fold :]], dim=1)
    values, at = found.topk(many)
    inside = at < many * fold
    places = (at // many) * columns + chosen.gather(1, at % many)
    return values, torch.where(inside, places, at - many * fold + columns * fold)
