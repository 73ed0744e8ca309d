from __future__ import annotations

import platform
import resource
from pathlib import Path

import pytest
import torch

from dimsum.memory import give_back, is_out_of_memory


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_is_an_exhausted_memory(error: BaseException, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_freed_memory_goes_back() -> None:
    """Many small blocks are freed but kept by the C library, since one behind them lives."""
    blocks = [torch.ones(10_000) for _ in range(2_000)]
    last = torch.ones(10_000)
    before = resident()
    del blocks
    give_back(torch.device("cpu"))
    assert resident() < before - 40e6
    assert last.sum() == 10_000


def resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return float(pages * resource.getpagesize())
