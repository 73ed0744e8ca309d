from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from builder.decoding.linear import _supported, laid_out_weights


def layers(dtype: torch.dtype) -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(48, 96), torch.nn.Linear(96, 40, bias=False), torch.nn.ReLU()
    ).to(dtype)


def test_products_are_those_of_plain_layers() -> None:
    model = layers(torch.bfloat16)
    with torch.inference_mode():
        for shape in ((1, 48), (7, 48), (128, 48), (300, 48), (5, 9, 48)):
            rows = torch.randn(shape).bfloat16()
            expected = model(rows)
            with laid_out_weights(model) as many:
                found = model(rows)
            assert many == (2 if _supported() else 0)
            torch.testing.assert_close(found, expected, atol=1e-2, rtol=1e-2)


def test_a_product_is_not_touched_by_later_ones() -> None:
    model = layers(torch.bfloat16)
    with torch.inference_mode():
        batches = [torch.randn(rows, 48).bfloat16() for rows in (7, 5, 16, 7)]
        with laid_out_weights(model):
            found = [model(rows) for rows in batches]
        for rows, product in zip(batches, found, strict=True):
            torch.testing.assert_close(product, model(rows), atol=1e-2, rtol=1e-2)


@pytest.mark.skipif(not _supported(), reason="this processor multiplies no bfloat16")
def test_a_changed_weight_is_laid_out_again() -> None:
    model = layers(torch.bfloat16)
    rows = torch.randn(4, 48).bfloat16()
    with torch.no_grad():
        with laid_out_weights(model):
            before = model(rows)
        model[0].weight.mul_(2)
        with laid_out_weights(model):
            after = model(rows)
        torch.testing.assert_close(after, model(rows))
        assert not torch.equal(after, before)


@pytest.mark.skipif(
    sys.platform != "linux" or not _supported(), reason="of Linux and a processor with bfloat16"
)
def test_loaded_weights_take_no_memory_beside_their_layout(tmp_path: Path) -> None:
    made = torch.nn.Linear(3_000, 4_000, bias=False).bfloat16()
    save_file({"weight": made.weight.detach()}, tmp_path / "file.safetensors")
    with (tmp_path / "file.safetensors").open() as file:
        os.fsync(file.fileno())
    model = torch.nn.Sequential(torch.nn.Linear(3_000, 4_000, bias=False).bfloat16())
    model[0].load_state_dict(load_file(tmp_path / "file.safetensors"), assign=True)
    rows = torch.randn(4, 3_000).bfloat16()
    with torch.inference_mode():
        expected = model(rows)
        in_files = file_memory()
        with laid_out_weights(model):
            assert file_memory() < in_files - 20_000_000
            torch.testing.assert_close(model(rows), expected, atol=1e-2, rtol=1e-2)
        assert torch.equal(model(rows), expected)


def file_memory() -> int:
    """Bytes of files that are in memory for this process."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssFile"))


def test_the_layers_are_their_own_again_even_after_an_error() -> None:
    model = layers(torch.bfloat16)
    with pytest.raises(RuntimeError, match="stop"), laid_out_weights(model):
        raise RuntimeError("stop")
    assert all("forward" not in vars(module) for module in model.modules())


def test_other_dtypes_are_left_alone() -> None:
    model = layers(torch.float32)
    with laid_out_weights(model) as many:
        assert many == 0
