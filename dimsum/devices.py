"""Where a model runs, and in what numbers."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

from dimsum.errors import UsageError

if TYPE_CHECKING:
    import torch


def pick_device(wanted: str | None = None) -> torch.device:
    """cuda, then mps, then cpu, unless one is named.

    Raises:
        UsageError: the one that is named is not here.
    """
    import torch

    if wanted:
        return _find_device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _find_device(wanted: str) -> torch.device:
    """A device by its name, if this machine has it."""
    import torch

    kind, _, number = wanted.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (number and not number.isdecimal()):
        raise UsageError(f"no device is called {wanted!r}", hint="use cuda, cuda:1, mps or cpu")
    here = 1
    if kind == "cuda":
        here = torch.cuda.device_count()
    elif kind == "mps":
        here = int(torch.backends.mps.is_available())
    if here <= int(number or 0):
        raise UsageError(
            f"there is no device {wanted} here" + (f", only {here} of its kind" if here else ""),
            hint="leave the device out for the best that there is",
        )
    return torch.device(wanted)


def pick_dtype(device: torch.device, wanted: str = "auto") -> torch.dtype:
    """The dtype asked for, or the faster one of bfloat16 and float32 on `device`."""
    import torch

    if wanted != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[wanted]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type == "cpu" and measure_bf16_speedup() > 1.2:
        return torch.bfloat16
    return torch.float32


@cache
def measure_bf16_speedup(size: int = 512, rounds: int = 20) -> float:
    """How many times faster this CPU multiplies bfloat16 than float32 matrices, measured now.

    The two take turns and each counts by its best round, so that other work on the machine does
    not decide.
    """
    import torch

    best = {torch.float32: float("inf"), torch.bfloat16: float("inf")}
    matrices = {kind: torch.ones(size, size, dtype=kind) for kind in best}
    for _ in range(rounds):
        for kind, matrix in matrices.items():
            started = time.perf_counter()
            matrix @ matrix
            best[kind] = min(best[kind], time.perf_counter() - started)
    return best[torch.float32] / best[torch.bfloat16]
