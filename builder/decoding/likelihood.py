"""How likely a model holds given texts after a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from builder.decoding.cache import Prefix

if TYPE_CHECKING:
    from builder.decoding.forward import CausalForward

_AT_ONCE = 8
"""Texts of one forward pass: logits are wide."""


def score_sentences(
    forward: CausalForward, tokenizer: Any, prompt: str, texts: Sequence[str]
) -> Mapping[str, tuple[float, int]]:
    """Log-probability in nats of each sentence after a prompt and a blank, and its tokens.

    Left out are sentences that do not fit the model's positions with the prompt, and those whose
    first token would join with the prompt's last one.
    """
    start = tokenizer(prompt).input_ids
    whole = [tokenizer(f"{prompt} {text}").input_ids for text in texts]
    room = forward.positions or max(map(len, whole), default=0)
    usable = {
        text: ids[len(start) :]
        for text, ids in zip(texts, whole, strict=True)
        if start and len(start) < len(ids) <= room and ids[: len(start)] == start
    }
    scores = score_after(forward, start, list(usable.values()))
    return {t: (s, len(ids)) for (t, ids), s in zip(usable.items(), scores, strict=True)}


@torch.inference_mode()
def score_after(
    forward: CausalForward, prompt: Sequence[int], texts: Sequence[Sequence[int]]
) -> list[float]:
    """Log-probability of each text as what follows the prompt, at temperature 1, in nats.

    The prompt is run once for all of them.

    Args:
        forward: of a decoder-only model.
        prompt: its tokens, at least one.
        texts: tokens of each, at least one; prompt and text fit the model's positions.

    Returns:
        sums over the tokens of each text.
    """
    if not texts:
        return []
    prefix = forward.prefill([prompt])
    scores: list[float] = []
    for first in range(0, len(texts), _AT_ONCE):
        scores += _score_some(forward, prefix, texts[first : first + _AT_ONCE])
    return scores


def _score_some(
    forward: CausalForward, prefix: Prefix, texts: Sequence[Sequence[int]]
) -> list[float]:
    from transformers import DynamicCache

    cache = DynamicCache()
    for layer, (keys, values) in enumerate(zip(prefix.keys, prefix.values, strict=True)):
        shape = (len(texts), -1, -1, -1)
        cache.update(keys.expand(shape), values.expand(shape), layer)
    # What fills a row stands behind its text, where causal attention hides it.
    rows = [torch.tensor(list(text)) for text in texts]
    tokens = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(forward.device)
    start = prefix.lengths[0]
    positions = torch.arange(start, start + tokens.shape[1], device=forward.device)
    logits = forward.model(
        input_ids=tokens,
        position_ids=positions.expand(tokens.shape),
        past_key_values=cache,
        use_cache=True,
        return_dict=True,
    ).logits
    # The first token is predicted at the prompt's end, each other one by the token before it.
    before = torch.cat([prefix.logits[:, None].expand(len(texts), 1, -1), logits[:, :-1]], dim=1)
    each = torch.log_softmax(before.float(), dim=-1).gather(-1, tokens[..., None])[..., 0]
    return [float(each[row, : len(text)].sum()) for row, text in enumerate(texts)]
