"""Memory: telling its end from other failures, and giving it back."""

from __future__ import annotations

import ctypes
import mmap
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_PAGEOUT = 21  # MADV_PAGEOUT of Linux 5.4, which Python does not name


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


class MappedFiles:
    """The files in this process' memory when first asked (on Linux; elsewhere none are seen)."""

    @cached_property
    def _places(self) -> list[range]:
        places = []
        with suppress(OSError):
            for line in Path("/proc/self/maps").read_text(errors="replace").splitlines():
                addresses, _, _, _, inode = line.split()[:5]
                begin, end = (int(part, 16) for part in addresses.split("-"))
                if inode != "0":
                    places.append(range(begin, end))
        return places

    def hold(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor lies in one of them."""
        begin, end = tensor.data_ptr(), tensor.data_ptr() + tensor.nbytes
        return any(begin in place and end - 1 in place for place in self._places)

    def page_out(self, tensor: torch.Tensor) -> bool:
        """Free the memory of a tensor that lies in a file; whoever reads it reads the file again.

        Args:
            tensor: contiguous, on the CPU. The first and last page are shared and stay.

        Returns:
            whether it lies in a file and the system took the advice.
        """
        if not self.hold(tensor):
            return False
        begin, end = tensor.data_ptr(), tensor.data_ptr() + tensor.nbytes
        begin += -begin % mmap.PAGESIZE
        size = max(0, end - end % mmap.PAGESIZE - begin)
        advise = ctypes.CDLL(None).madvise
        advise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        return bool(advise(begin, size, _PAGEOUT) == 0)
