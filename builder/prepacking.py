"""Linear layers whose weights are packed once for the processor, instead of at every product.

On a CPU every product of torch first copies its weights into blocks in the order in which they
are read. With the hundred rows of a decoding step that copy takes a good part of the product's
time. The operators that torch.compile uses for frozen weights make it once. They are private to
torch, so a setting says whether they are used (`prepacked: auto, on or off`): where it is off,
nothing here touches a model. The gain is small and not everywhere: by one thread's processor time
in float32, plain weights took 1.15 times as long to sample (100 rows) and 1.07 times as long to
score in one run on a processor with AVX2, 0.95 and 0.90 times as long in a later one, and 1.09
times (1.02 to 1.14) as long to sample in a third (`scripts/bench/prepacked.py`), so measure before
relying on it.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal, TypeGuard

import torch

from builder.errors import ConfigError

Switch = Literal["auto", "on", "off"]

_ROWS = 128
"""Rows that the packing is chosen for; any number can be multiplied with it."""

_TILE = 16
"""Rows of the matrix unit: 100 rows take it longer than 112, so rows are filled up."""


BOTH = (torch.float32, torch.bfloat16)
MANY_ROWS = (torch.float32,)
"""Of critics and encoders: with thousands of rows to a product it is not measured in bfloat16."""


def settle(
    switch: Switch,
    device: torch.device,
    dtype: torch.dtype,
    measured: tuple[torch.dtype, ...] = BOTH,
) -> bool:
    """Whether a model of this dtype on this device is to be prepacked.

    Args:
        measured: dtypes in which auto is on, where this torch has the operators and this processor
            the instructions.

    Raises:
        ConfigError: on, where they are missing.
    """
    if switch == "off":
        return False
    possible = device.type == "cpu" and _supports(dtype)
    if switch == "on" and not possible:
        raise ConfigError(
            f"weights in {str(dtype).removeprefix('torch.')} on {device.type} cannot be prepacked",
            hint="set prepacked to auto or off",
        )
    return possible and (switch == "on" or dtype in measured)


def prepack(model: torch.nn.Module) -> int:
    """Pack the weights of a model's linear layers, which from now on must not be changed.

    The values of a product are those of `torch.nn.functional.linear`, up to rounding. A packed
    weight that no other layer shares goes, so that memory holds each weight once.

    Returns:
        how many layers it concerned.
    """
    modules = [module for module in model.modules() if _concerns(module)]
    users = Counter(
        id(parameter)
        for module in model.modules()
        for parameter in module.parameters(recurse=False)
    )
    tiles = _Tiles()
    for module in modules:
        weight = module.weight
        packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), _ROWS)
        vars(module)["forward"] = _make_forward(packed, module.bias, tiles)
        if users[id(weight)] == 1:
            module.weight = torch.nn.Parameter(weight.detach().to("meta"), requires_grad=False)
    return len(modules)


def _concerns(module: torch.nn.Module) -> TypeGuard[torch.nn.Linear]:
    if type(module) is not torch.nn.Linear or "forward" in vars(module):
        return False
    return module.weight.device.type == "cpu" and _supports(module.weight.dtype)


def _supports(dtype: torch.dtype) -> bool:
    operators: Any = torch.ops.mkldnn
    named = ("_reorder_linear_weight", "_linear_pointwise", "_is_mkldnn_bf16_supported")
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    if not all(hasattr(operators, name) for name in named):
        return False
    if dtype is torch.bfloat16:
        return bool(operators._is_mkldnn_bf16_supported())
    return dtype is torch.float32 and platform.machine() in ("x86_64", "AMD64")


class _Tiles:
    """Rows filled up to whole tiles, in memory that the layers of a model take turns to use."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, int], torch.Tensor] = {}

    def fill(self, rows: torch.Tensor) -> torch.Tensor:
        """The rows and, behind them, others that nobody reads."""
        many, width = rows.shape
        if many % _TILE == 0 or rows.dtype is not torch.bfloat16:
            return rows
        wanted = (many + -many % _TILE, width)
        held = self._held.get(wanted)
        if held is None:
            held = self._held[wanted] = rows.new_zeros(wanted)
        held[:many] = rows
        return held


def _make_forward(
    packed: torch.Tensor, bias: torch.Tensor | None, tiles: _Tiles
) -> Callable[[torch.Tensor], torch.Tensor]:
    @torch.inference_mode()
    def forward(inputs: torch.Tensor) -> torch.Tensor:
        rows = inputs.flatten(0, -2)
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            tiles.fill(rows), packed, bias, "none", [], ""
        )
        return product[: len(rows)].view(*inputs.shape[:-1], -1)

    return forward
