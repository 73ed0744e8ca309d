"""Attention as it is trained fastest."""

from __future__ import annotations

from typing import Any

import torch


def written_out(model: Any, device: torch.device) -> None:
    """On a CPU, have the model's attention written out in matrix products, in place.

    torch's fused attention is the faster one forward, but its backward pass on a CPU takes
    several times as long as that of the products, which costs short texts half of a step.
    """
    if device.type == "cpu":
        model.set_attn_implementation("eager")
