"""Where transformers' models are needlessly slow on a CPU, and what helps."""

from __future__ import annotations

from typing import Any

import torch


def use_explicit_attention(model: Any, device: torch.device) -> None:
    """On a CPU, make the model compute attention by explicit matrix products, in place.

    torch's fused attention is the faster one forward, but its backward pass on a CPU takes
    many times as long as that of the products.
    """
    if device.type == "cpu":
        model.set_attn_implementation("eager")


def make_head_contiguous(model: Any) -> Any:
    """The model, whose head from now on copies the rows it reads where they lie apart.

    A model that is asked for the logits of its last columns only hands its head a slice of each
    row. torch would multiply such a slice row by row, with a copy of the head's weights for each.
    """
    head = model.get_output_embeddings()
    if head is not None:
        head.register_forward_pre_hook(_make_contiguous)
    return model


def _make_contiguous(head: torch.nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    return (inputs[0].contiguous(),)
