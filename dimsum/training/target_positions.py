"""Where a batch has target tokens, and the logits there.

Most of a row is prompt, and the head of a small model with a large vocabulary is a good part of
its work; so the head reads target positions only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from dimsum.training.examples import IGNORED


def split_inputs(
    model: Any, inputs: Mapping[str, torch.Tensor]
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Inputs of a forward pass without labels, and where its outputs are of target tokens.

    A causal model's outputs are of the token behind each position; a decoder reads the target one
    token later.

    Returns:
        the inputs, and a boolean mask of the shape of the labels.
    """
    labels = inputs["labels"]
    given = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    if model.config.is_encoder_decoder:
        ids = model.prepare_decoder_input_ids_from_labels(labels=labels)
        return {**given, "decoder_input_ids": ids}, labels != IGNORED
    mask = torch.zeros_like(labels, dtype=torch.bool)
    mask[:, :-1] = labels[:, 1:] != IGNORED
    return given, mask


def find_target_logits(
    model: Any, inputs: Mapping[str, torch.Tensor], mask: torch.Tensor, bare: Any = None
) -> torch.Tensor:
    """Logits at the positions of a mask; the head reads no others.

    Args:
        model: what is called, which may be wrapped.
        inputs: of the forward pass.
        mask: boolean, shape (rows, columns of the states).
        bare: the model itself where `model` is wrapped.

    Returns:
        shape (mask.sum(), width of the head), in row-major order.
    """
    head = (bare or model).get_output_embeddings()
    if head is None:
        whole: torch.Tensor = model(**inputs, use_cache=False).logits
        return whole[mask]
    hook = head.register_forward_pre_hook(lambda _, given: (given[0][mask][None],), prepend=True)
    try:
        logits: torch.Tensor = model(**inputs, use_cache=False).logits
    finally:
        hook.remove()
    return logits[0]
