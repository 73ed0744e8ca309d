"""Memory: recognising that it ran out, and giving it back."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that host or device memory ran out."""
    import torch

    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "not enough memory" in text or "can't allocate memory" in text
    )


def give_back(device: torch.device) -> None:
    """Let others have what was freed; torch on a GPU and glibc on a CPU keep it for themselves."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "cpu":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
