"""One draw from the nucleus of each row's next-token distribution.

The nucleus (Holtzman et al. 2020) is the smallest set of most probable tokens whose mass
reaches top_p. Finding it by sorting 50,000 logits a row costs more than the forward pass of a
small model, so only the head of the distribution is sorted: the k largest logits hold the
nucleus exactly when their mass, under the normaliser of the whole vocabulary, reaches top_p.
Rows where it does not go round again with a larger k, at last with the whole vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from dimsum.errors import ModelError

_HEADS = ((32, 64), (256, 16), (2048, 4))
"""k, and the stride that the vocabulary is folded by to find the k largest logits."""

_CACHED_ROWS = 4
"""Rows of 50,000 float32 that stay in a core's cache while they are passed over."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One token a draw.

    Attributes:
        tokens: int64 [draws]; -1 where the masks left nothing to draw.
        logprobs: float64 [draws], of the token under the model at temperature 1, unmasked.
        ends: int64 [draws], the likeliest of the ids that were asked about; None without any.
        end_logprobs: float64 [draws], of those, under the model at temperature 1, unmasked.
    """

    tokens: NDArray[np.int64]
    logprobs: NDArray[np.float64]
    ends: NDArray[np.int64] | None = None
    end_logprobs: NDArray[np.float64] | None = None


@torch.inference_mode()
def draw(
    logits: torch.Tensor,
    uniforms: NDArray[np.float64],
    blocked: Sequence[Sequence[int]],
    *,
    banned: torch.Tensor,
    temperature: float,
    top_p: float,
    ends: torch.Tensor | None = None,
    owners: NDArray[np.int64] | None = None,
) -> Drawn:
    """Draw next tokens by inverting the nucleus's distribution function of their rows.

    Order as in transformers: masks, then temperature, then the nucleus. A token depends on nothing
    but the logits and masks of its row and its uniform, and moves little when its logits do.

    Args:
        logits: [rows, vocabulary], any floating dtype; what is forbidden is minus infinity in it
            afterwards.
        uniforms: [draws] in [0, 1).
        blocked: each row's own forbidden ids.
        banned: int64, ids forbidden in every row.
        temperature: above 0.
        top_p: in (0, 1].
        ends: int64, ids whose likeliest is wanted for each draw as well.
        owners: [draws], the row that each is from; None: one of each row.

    Raises:
        ModelError: the logits of a row are no numbers.
    """
    owner = torch.arange(len(logits)) if owners is None else torch.from_numpy(owners)
    owner = owner.to(logits.device)
    # Below 1 by more than rounding, so that a share's end is never stepped over.
    uniform = torch.from_numpy(uniforms).to(logits.device).clamp(max=1 - 2.0**-50)
    asked = None if ends is None else logits[:, ends.to(logits.device)].float().max(1)
    forbidden = _mask(logits, blocked, banned.to(logits.device))
    sums = _sum(logits, temperature)
    chosen = _invert(logits, uniform, owner, temperature, top_p, sums)
    normaliser = torch.logaddexp(sums.most + sums.plain.log(), forbidden)[owner]
    picked = logits[owner, chosen.clamp(min=0)] - normaliser
    drawn = Drawn(chosen.cpu().numpy(), picked.double().cpu().numpy())
    if np.isnan(drawn.logprobs[drawn.tokens >= 0]).any():
        raise ModelError(
            "the teacher gives no numbers for a text",
            hint="its weights are damaged, or too large for its dtype: try dtype float32",
        )
    if ends is None or asked is None:
        return drawn
    return replace(
        drawn,
        ends=ends[asked.indices[owner].cpu()].numpy(),
        end_logprobs=(asked.values[owner] - normaliser).double().cpu().numpy(),
    )


def _mask(
    scores: torch.Tensor, blocked: Sequence[Sequence[int]], banned: torch.Tensor
) -> torch.Tensor:
    """Write minus infinity, in place, over what may not come.

    Returns:
        float32 [rows], the logsumexp of what stood there.
    """
    forbidden = scores[:, banned].float().logsumexp(1)
    scores[:, banned] = -torch.inf
    cells = sorted({(row, token) for row, ids in enumerate(blocked) for token in ids})
    if cells:
        rows, tokens = torch.tensor(cells, device=scores.device).unbind(1)
        # What was banned already is minus infinity by now and counts once.
        single = scores[rows, tokens].float()
        scores[rows, tokens] = -torch.inf
        most = single.max().clamp(min=torch.finfo(torch.float32).min)
        own = torch.zeros_like(forbidden).index_add_(0, rows, (single - most).exp_())
        forbidden = torch.logaddexp(forbidden, own.log_() + most)
    return forbidden


@dataclass(frozen=True, slots=True)
class _Sums:
    """What passes over the whole vocabulary find for each row.

    Attributes:
        most: float32 [rows], the largest score; 0 where every score is minus infinity.
        plain: float32 [rows], the sum of exp(score - most).
        heated: float32 [rows], the sum of exp((score - most) / temperature).
        folded: float32 [rows, columns], each column's largest score when the vocabulary is folded
            as the first of `_HEADS` says.
    """

    most: torch.Tensor
    plain: torch.Tensor
    heated: torch.Tensor
    folded: torch.Tensor


def _sum(scores: torch.Tensor, temperature: float) -> _Sums:
    """Pass over every row, a few rows at a time: each pass finds the last one's in the cache."""
    rows, vocabulary = scores.shape
    fold = _HEADS[0][1]
    columns = vocabulary // fold
    many = min(rows, _CACHED_ROWS) if scores.device.type == "cpu" else rows
    buffers = [scores.new_empty((many, vocabulary), dtype=torch.float32) for _ in range(2)]
    most, plain, heated = (scores.new_empty(rows, dtype=torch.float32) for _ in range(3))
    folded = scores.new_empty((rows, columns), dtype=torch.float32)
    for first in range(0, rows, many):
        part = slice(first, min(first + many, rows))
        own, work = (buffer[: part.stop - first] for buffer in buffers)
        own.copy_(scores[part])
        torch.amax(own[:, : fold * columns].view(len(own), fold, columns), 1, out=folded[part])
        top = torch.cat([folded[part], own[:, columns * fold :]], dim=1).amax(1)
        most[part] = top.masked_fill_(top == -torch.inf, 0.0)
        own.sub_(top[:, None])
        plain[part] = torch.exp(own, out=work).sum(1)
        heated[part] = own.mul_(1 / temperature).exp_().sum(1)
    return _Sums(most, plain, heated, folded)


def _invert(
    scores: torch.Tensor,
    uniform: torch.Tensor,
    owner: torch.Tensor,
    temperature: float,
    top_p: float,
    sums: _Sums,
) -> torch.Tensor:
    """Each draw's token, where the distribution function of its row's nucleus passes it."""
    vocabulary = scores.shape[1]
    chosen = torch.full((len(owner),), -1, dtype=torch.int64, device=scores.device)
    waiting = torch.nonzero(sums.heated)[:, 0]
    heads = _HEADS if top_p < 1 else ()
    for head, fold in (*heads, (vocabulary, 1)):
        if not len(waiting):
            break
        part = scores[waiting] if len(waiting) < len(scores) else scores
        folded = sums.folded[waiting] if fold == _HEADS[0][1] else None
        values, tokens = _find_largest(part, min(head, vocabulary), fold, folded)
        values = values.double().sub_(sums.most[waiting, None]).div_(temperature)
        mass = values.exp_().div_(sums.heated[waiting, None])
        reached = mass.cumsum(-1)
        held = (reached[:, -1] >= top_p) | (head >= vocabulary)
        # A token belongs to the nucleus while the mass before it is short of top_p.
        mass = mass.masked_fill_(reached - mass >= top_p, 0.0)
        # Inverted in the order of the ids: in that of the masses, rounding that swaps two tokens
        # of like mass would change the draw anywhere in their shares.
        tokens, order = tokens.sort(dim=1)
        reached = mass.gather(1, order).cumsum(-1)
        place = torch.full((len(scores),), -1, dtype=torch.int64, device=scores.device)
        place[waiting[held]] = torch.nonzero(held)[:, 0]
        place = place[owner]
        draws = torch.nonzero(place >= 0)[:, 0]
        place = place[draws]
        own = reached[place]
        target = uniform[draws, None] * own[:, -1:]
        index = torch.searchsorted(own, target, right=True)[:, 0]
        chosen[draws] = tokens[place, index.clamp_(max=tokens.shape[1] - 1)]
        waiting = waiting[~held]
    return chosen


def _find_largest(
    scores: torch.Tensor, many: int, fold: int, folded: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The `many` largest of each row in descending order, as torch.topk, and their columns.

    The vocabulary is folded into columns of `fold` tokens; the largest `many` tokens lie in the
    `many` columns with the largest maxima, since each of those maxima is at least as large as
    anything in the other columns. What does not fill a column is looked at as well.

    Args:
        folded: the maxima of the columns, if they are known.
    """
    vocabulary = scores.shape[1]
    columns = vocabulary // fold
    if fold == 1 or columns <= 2 * many:
        values, ids = scores.topk(many)
        return values, ids
    view = scores[:, : columns * fold].view(len(scores), fold, columns)
    if folded is None:
        folded = view.amax(1)
    chosen = folded.topk(many, sorted=False).indices
    found = view.gather(2, chosen[:, None].expand(-1, fold, -1)).flatten(1)
    found = torch.cat([found, scores[:, columns * fold :]], dim=1)
    values, at = found.topk(many)
    inside = at < many * fold
    ids = (at // many) * columns + chosen.gather(1, at % many)
    return values, torch.where(inside, ids, at - many * fold + columns * fold)
