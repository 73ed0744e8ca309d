"""Attention for several queries a row over grouped key/value heads, without repeating heads.

Transformers' own function repeats keys and values for every query head as soon as a row has
more than one query, which costs more than the attention. Here the query heads that share a
key/value head stand one below the other as further queries, so nothing is copied. It is
registered through transformers' AttentionInterface.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

NAME = "sdpa_packed_heads"

# What scaled_dot_product_attention knows nothing of; transformers' function handles it.
_FURTHER = ("softcap", "s_aux", "position_bias")


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **further: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """An attention function of transformers; packs the heads when the mask says so.

    Args:
        query: [rows, heads, queries, head dim].
        key, value: [rows, key/value heads, columns, head dim].
        attention_mask: additive. [rows, 1, groups x queries, columns], with `groups` query heads
            to a key/value head, asks for packed heads; any other goes to transformers' function.
    """
    rows, heads, queries, size = query.shape
    held = key.shape[1]
    packed = heads // held * queries
    asked = heads > held and attention_mask is not None and attention_mask.shape[2] == packed
    if asked and all(further.get(name) is None for name in _FURTHER):
        out = torch.nn.functional.scaled_dot_product_attention(
            query.reshape(rows, held, packed, size),
            key,
            value,
            attn_mask=attention_mask,
            scale=scaling,
        )
        return out.view(rows, heads, queries, -1).transpose(1, 2).contiguous(), None
    if asked and attention_mask is not None:
        attention_mask = attention_mask[:, :, :queries]
    plain = AttentionInterface()["sdpa"]
    result: tuple[torch.Tensor, torch.Tensor | None] = plain(
        module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **further
    )
    return result


AttentionInterface.register(NAME, _attend)
AttentionMaskInterface.register(NAME, sdpa_mask)


@contextmanager
def pack_heads(model: Any) -> Iterator[int]:
    """While it lasts, the model understands masks for packed heads.

    Yields:
        How often such a mask repeats a query: the query heads to a key/value head where the
        model groups them and uses transformers' "sdpa", else 1.
    """
    config = model.config
    held = getattr(config, "num_key_value_heads", None)
    groups = config.num_attention_heads // held if held else 1
    if groups == 1 or getattr(config, "_attn_implementation", None) != "sdpa":
        yield 1
        return
    model.set_attn_implementation(NAME)
    try:
        yield groups if config._attn_implementation == NAME else 1
    finally:
        model.set_attn_implementation("sdpa")
