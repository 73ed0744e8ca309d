"""Matrix products of a linear layer, its weights laid out once for the processor.

On a CPU every product of torch first copies its weights into blocks in the order in which they
are read. With a hundred rows to a product, as in decoding, that copy takes about as long as a
product in the matrix unit, and a quarter of one without it. Here it is made once, by the
operators that torch.compile uses for frozen weights; a model on another device, in another dtype
or of other layers is left as it is.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeGuard
from weakref import WeakKeyDictionary

import torch

from dimsum.memory import MappedFiles

_ROWS = 128
"""Rows that the layout is chosen for; any number can be multiplied with it."""

_TILE = 16
"""Rows of the matrix unit: 100 rows take it longer than 112, so rows are filled up."""

_MOST_OWN = 1 / 8
"""Share of the machine's memory that layouts may take whose weights do not lie in a file."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """A weight in blocks.

    Attributes:
        state: of the weight that they were made from.
        in_file: whether that weight lies in a file.
    """

    state: tuple[int, int]
    blocks: torch.Tensor
    in_file: bool


_layouts: WeakKeyDictionary[torch.nn.Module, _Layout] = WeakKeyDictionary()


@contextmanager
def laid_out_weights(model: torch.nn.Module) -> Iterator[int]:
    """While it lasts, the model's linear layers multiply with weights laid out beforehand.

    The values of a product are those of `torch.nn.functional.linear`, up to rounding. The layout
    takes the memory of the weights once more, for as long as the model lives. Where they lie in a
    file, as loaded ones do that keep its dtype, theirs is free meanwhile: nobody reads them.
    Where they do not, and their layout would take more than an eighth of the machine's memory,
    nothing is changed.

    Yields:
        how many layers it holds for.
    """
    files = MappedFiles()
    modules = [module for module in model.modules() if _concerned(module)]
    own = sum(module.weight.nbytes for module in modules if not _in_file(module, files))
    if own > _MOST_OWN * _memory():
        modules = []
    tiles = _Tiles()
    for module in modules:
        vars(module)["forward"] = _forward(_layout(module, files).blocks, module.bias, tiles)
    try:
        yield len(modules)
    finally:
        for module in modules:
            del vars(module)["forward"]


def _concerned(module: torch.nn.Module) -> TypeGuard[torch.nn.Linear]:
    if type(module) is not torch.nn.Linear or "forward" in vars(module):
        return False
    return module.weight.device.type == "cpu" and supported(module.weight.dtype)


def supported(dtype: torch.dtype) -> bool:
    """Whether this torch has the operators and this processor the instructions for the dtype."""
    operators: Any = torch.ops.mkldnn
    named = ("_reorder_linear_weight", "_linear_pointwise", "_is_mkldnn_bf16_supported")
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    if not all(hasattr(operators, name) for name in named):
        return False
    if dtype is torch.bfloat16:
        return bool(operators._is_mkldnn_bf16_supported())
    return dtype is torch.float32 and platform.machine() in ("x86_64", "AMD64")


def _memory() -> int:
    """Bytes of the machine, not of what is free: that would change what a run computes."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 0


def _layout(module: torch.nn.Linear, files: MappedFiles) -> _Layout:
    """The layout of the module's weight; made where there is none of it as it is now."""
    known = _known(module)
    if known is None:
        weight = module.weight
        blocks = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), _ROWS)
        files.page_out(weight)
        known = _layouts[module] = _Layout(_state(weight), blocks, files.hold(weight))
    return known


def _known(module: torch.nn.Linear) -> _Layout | None:
    """What was made before, if the weight is still the same and was not written to."""
    known = _layouts.get(module)
    return known if known is not None and known.state == _state(module.weight) else None


def _state(weight: torch.Tensor) -> tuple[int, int]:
    return weight.data_ptr(), 0 if weight.is_inference() else weight._version


def _in_file(module: torch.nn.Linear, files: MappedFiles) -> bool:
    known = _known(module)
    return files.hold(module.weight) if known is None else known.in_file


class _Tiles:
    """Rows filled up to whole tiles, in memory that the layers of a model take turns to use."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, int], torch.Tensor] = {}

    def filled(self, rows: torch.Tensor) -> torch.Tensor:
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


def _forward(
    blocks: torch.Tensor, bias: torch.Tensor | None, tiles: _Tiles
) -> Callable[[torch.Tensor], torch.Tensor]:
    def forward(inputs: torch.Tensor) -> torch.Tensor:
        rows = inputs.flatten(0, -2)
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            tiles.filled(rows), blocks, bias, "none", [], ""
        )
        return product[: len(rows)].view(*inputs.shape[:-1], -1)

    return forward
