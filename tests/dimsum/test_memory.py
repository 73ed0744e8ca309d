from __future__ import annotations

import os
import platform
import resource
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from dimsum.memory import MappedFiles, give_back, is_out_of_memory


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


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
def test_a_tensor_in_a_file_is_freed_and_read_again(tmp_path: Path) -> None:
    saved = torch.randn(10_000_000)
    save_file({"some": saved}, tmp_path / "file.safetensors")
    with (tmp_path / "file.safetensors").open() as file:
        os.fsync(file.fileno())  # what the disk does not have yet cannot be freed
    loaded = load_file(tmp_path / "file.safetensors")["some"]
    files = MappedFiles()
    assert torch.equal(loaded, saved)
    before = resident()
    assert files.page_out(loaded[1:-1])
    assert resident() < before - 35e6
    assert torch.equal(loaded, saved)


def test_a_tensor_in_no_file_is_left_alone() -> None:
    some = torch.randn(10_000_000)
    before = resident() if sys.platform == "linux" else 0
    assert not MappedFiles().page_out(some)
    assert before == 0 or resident() > before - 5e6
