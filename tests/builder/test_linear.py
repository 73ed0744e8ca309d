from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from builder import linear
from builder.linear import laid_out_weights, supported


def layers(dtype: torch.dtype) -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(48, 96), torch.nn.Linear(96, 40, bias=False), torch.nn.ReLU()
    ).to(dtype)


KINDS = (torch.bfloat16, torch.float32)
usable = pytest.mark.parametrize(
    "dtype",
    [
        pytest.param(kind, marks=pytest.mark.skipif(not supported(kind), reason=f"{kind} is slow"))
        for kind in KINDS
    ],
)
"""The dtypes that this processor lays out."""


def alike(found: torch.Tensor, expected: torch.Tensor) -> None:
    most = 1e-2 if found.dtype is torch.bfloat16 else 1e-5
    torch.testing.assert_close(found, expected, atol=most, rtol=most)


@pytest.mark.parametrize("dtype", KINDS)
def test_products_are_those_of_plain_layers(dtype: torch.dtype) -> None:
    model = layers(dtype)
    with torch.inference_mode():
        for shape in ((1, 48), (7, 48), (128, 48), (300, 48), (5, 9, 48)):
            rows = torch.randn(shape).to(dtype)
            expected = model(rows)
            with laid_out_weights(model) as many:
                found = model(rows)
            assert many == (2 if supported(dtype) else 0)
            alike(found, expected)


@pytest.mark.parametrize("dtype", KINDS)
def test_a_product_is_not_touched_by_later_ones(dtype: torch.dtype) -> None:
    model = layers(dtype)
    with torch.inference_mode():
        batches = [torch.randn(rows, 48).to(dtype) for rows in (7, 5, 16, 7)]
        with laid_out_weights(model):
            found = [model(rows) for rows in batches]
        for rows, product in zip(batches, found, strict=True):
            alike(product, model(rows))


@usable
def test_a_changed_weight_is_laid_out_again(dtype: torch.dtype) -> None:
    model = layers(dtype)
    rows = torch.randn(4, 48).to(dtype)
    with torch.no_grad():
        with laid_out_weights(model):
            before = model(rows)
        model[0].weight.mul_(2)
        with laid_out_weights(model):
            after = model(rows)
        torch.testing.assert_close(after, model(rows))
        assert not torch.equal(after, before)


@usable
def test_a_layout_is_no_larger_than_the_machine_bears(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = layers(dtype)
    bytes_of_weights = (48 * 96 + 96 * 40) * dtype.itemsize
    monkeypatch.setattr(linear, "_memory", lambda: 8 * bytes_of_weights)
    with laid_out_weights(model) as many:
        assert many == 2
    monkeypatch.setattr(linear, "_memory", lambda: 8 * bytes_of_weights - 8)
    with laid_out_weights(model) as many:
        assert many == 0


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
@usable
def test_loaded_weights_take_no_memory_beside_their_layout(
    dtype: torch.dtype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "_memory", lambda: 0)  # what lies in a file is laid out anyway
    made = torch.nn.Linear(3_000, 4_000, bias=False).to(dtype)
    save_file({"weight": made.weight.detach()}, tmp_path / "file.safetensors")
    with (tmp_path / "file.safetensors").open() as file:
        os.fsync(file.fileno())
    model = torch.nn.Sequential(torch.nn.Linear(3_000, 4_000, bias=False).to(dtype))
    model[0].load_state_dict(load_file(tmp_path / "file.safetensors"), assign=True)
    rows = torch.randn(4, 3_000).to(dtype)
    with torch.inference_mode():
        expected = model(rows)
        in_files = file_memory()
        with laid_out_weights(model):
            assert file_memory() < in_files - 20_000_000
            alike(model(rows), expected)
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
    for dtype in (torch.float64, torch.float16):
        with laid_out_weights(layers(dtype)) as many:
            assert many == 0
