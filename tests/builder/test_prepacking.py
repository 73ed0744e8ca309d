from __future__ import annotations

import copy
import gc

import pytest
import torch

from builder import prepacking
from builder.errors import ConfigError
from builder.prepacking import BOTH, MANY_ROWS, prepack, settle

CPU = torch.device("cpu")


def layers(dtype: torch.dtype) -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(48, 96), torch.nn.Linear(96, 40, bias=False), torch.nn.ReLU()
    ).to(dtype)


def possible(dtype: torch.dtype) -> bool:
    return settle("auto", CPU, dtype)


usable = pytest.mark.parametrize(
    "dtype",
    [
        pytest.param(one, marks=pytest.mark.skipif(not possible(one), reason=f"{one} is slow"))
        for one in BOTH
    ],
)
"""The dtypes that this processor packs."""


def alike(found: torch.Tensor, expected: torch.Tensor) -> None:
    most = 1e-2 if found.dtype is torch.bfloat16 else 1e-5
    torch.testing.assert_close(found, expected, atol=most, rtol=most)


@pytest.mark.parametrize("dtype", BOTH)
def test_products_are_those_of_plain_layers(dtype: torch.dtype) -> None:
    plain = layers(dtype)
    packed = copy.deepcopy(plain)
    assert prepack(packed) == (2 if possible(dtype) else 0)
    for shape in ((1, 48), (7, 48), (128, 48), (300, 48), (5, 9, 48)):
        rows = torch.randn(shape).to(dtype)
        with torch.inference_mode():
            alike(packed(rows), plain(rows))


@pytest.mark.parametrize("dtype", BOTH)
def test_a_product_is_not_touched_by_later_ones(dtype: torch.dtype) -> None:
    plain = layers(dtype)
    packed = copy.deepcopy(plain)
    prepack(packed)
    with torch.inference_mode():
        batches = [torch.randn(rows, 48).to(dtype) for rows in (7, 5, 16, 7)]
        found = [packed(rows) for rows in batches]
        for rows, product in zip(batches, found, strict=True):
            alike(product, plain(rows))


@usable
def test_a_packed_weight_is_held_once(dtype: torch.dtype) -> None:
    model = layers(dtype)
    weights = [weakly.data_ptr() for weakly in model.parameters() if weakly.dim() == 2]
    prepack(model)
    gc.collect()
    assert all(module.weight.is_meta for module in model[:2])
    assert model[0].weight.shape == (96, 48)
    assert not set(weights) & {p.data_ptr() for p in model.parameters() if not p.is_meta}
    assert prepack(model) == 0  # once is enough


@usable
def test_a_weight_that_an_embedding_shares_stays(dtype: torch.dtype) -> None:
    words = torch.nn.Embedding(50, 48, dtype=dtype)
    head = torch.nn.Linear(48, 50, bias=False, dtype=dtype)
    head.weight = words.weight
    model = torch.nn.Sequential(words, head)
    with torch.inference_mode():
        ids = torch.arange(50)
        expected = model(ids)
        assert prepack(model) == 1
        alike(model(ids), expected)
    assert not words.weight.is_meta


def test_when_it_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepacking, "_supports", lambda dtype: True)
    for dtype in BOTH:
        assert not settle("off", CPU, dtype)
        assert settle("on", CPU, dtype, MANY_ROWS)
        assert settle("auto", CPU, dtype)
        assert settle("auto", CPU, dtype, MANY_ROWS) is (dtype is torch.float32)
        assert not settle("auto", torch.device("cuda"), dtype)
        with pytest.raises(ConfigError, match="cannot be prepacked"):
            settle("on", torch.device("cuda"), dtype)


def test_off_asks_nothing_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(dtype: torch.dtype) -> bool:
        raise AssertionError("private operators were looked for")

    monkeypatch.setattr(prepacking, "_supports", refuse)
    assert not settle("off", CPU, torch.float32)


def test_other_dtypes_are_left_alone() -> None:
    for dtype in (torch.float64, torch.float16):
        assert prepack(layers(dtype)) == 0
