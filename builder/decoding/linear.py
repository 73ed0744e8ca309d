"""Matrix products of a decoding step, their weights laid out once for the processor's matrix unit.

On a CPU in bfloat16 every product of torch first copies its weights into blocks that the matrix
unit can read. With a hundred rows to a product that copy takes about as long as the product. Here
it is made once, by the operators that torch.compile uses for frozen weights; a model on another
device, in another dtype or of other layers is left as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeGuard

import torch

_ROWS = 128
"""Rows that the layout is chosen for; any number can be multiplied with it."""


@contextmanager
def laid_out_weights(model: torch.nn.Module) -> Iterator[int]:
    """While it lasts, the model's linear layers multiply with weights laid out beforehand.

    The values of a product are those of `torch.nn.functional.linear`, up to rounding. A weight is
    moved, not copied: until the end the layer's own parameter is empty, unless another module
    reads it too. Then every weight is what it was, bit for bit.

    Yields:
        how many layers it holds for.
    """
    changed: list[tuple[torch.nn.Linear, torch.Tensor]] = []
    owners = Counter(id(p) for m in model.modules() for p in m.parameters(recurse=False))
    try:
        if _supported():
            for module in model.modules():
                if _fits(module):
                    changed.append((module, _moved(module, owners[id(module.weight)] > 1)))
        yield len(changed)
    finally:
        with torch.inference_mode(False):
            for module, blocks in changed:
                del vars(module)["forward"]
                if not module.weight.numel():
                    module.weight.data = blocks.to_dense()


def _supported() -> bool:
    """Whether this torch has the operators and this processor the instructions."""
    operators: Any = torch.ops.mkldnn
    named = ("_reorder_linear_weight", "_linear_pointwise", "_is_mkldnn_bf16_supported")
    if not all(hasattr(operators, name) for name in named):
        return False
    return bool(operators._is_mkldnn_bf16_supported())


def _fits(module: torch.nn.Module) -> TypeGuard[torch.nn.Linear]:
    if type(module) is not torch.nn.Linear or "forward" in vars(module):
        return False
    weight = module.weight
    plain = not weight.is_inference() and weight.numel() > 0
    return plain and weight.dtype is torch.bfloat16 and weight.device.type == "cpu"


def _moved(module: torch.nn.Linear, shared: bool) -> torch.Tensor:
    """Put a layer's weight into blocks, and its parameter to rest if nobody else reads it."""
    with torch.inference_mode(False):
        blocks: torch.Tensor = torch.ops.mkldnn._reorder_linear_weight(
            module.weight.detach(), _ROWS
        )
        vars(module)["forward"] = _forward(blocks, module.bias)
        if not shared:
            module.weight.data = module.weight.new_empty(0)
    return blocks


def _forward(
    blocks: torch.Tensor, bias: torch.Tensor | None
) -> Callable[[torch.Tensor], torch.Tensor]:
    def forward(rows: torch.Tensor) -> torch.Tensor:
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            rows, blocks, bias, "none", [], ""
        )
        return product

    return forward
