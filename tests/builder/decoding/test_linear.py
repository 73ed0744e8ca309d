from __future__ import annotations

import pytest
import torch

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


def test_the_layers_are_their_own_again_even_after_an_error() -> None:
    model = layers(torch.bfloat16)
    with pytest.raises(RuntimeError, match="stop"), laid_out_weights(model):
        raise RuntimeError("stop")
    assert all("forward" not in vars(module) for module in model.modules())


def test_other_dtypes_are_left_alone() -> None:
    model = layers(torch.float32)
    with laid_out_weights(model) as many:
        assert many == 0
