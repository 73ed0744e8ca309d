"""What keeps transformers' models from being slow on a CPU changes nothing else."""

from __future__ import annotations

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from dimsum.cpu import make_head_contiguous, use_explicit_attention


def small() -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=50,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
        )
    ).eval()


def test_the_head_reads_contiguous_rows() -> None:
    model = small()
    ids = torch.arange(12).view(2, 6)
    read: list[bool] = []
    model.lm_head.register_forward_hook(
        lambda _, inputs, __: read.append(inputs[0].is_contiguous())
    )
    before = model(input_ids=ids, logits_to_keep=3).logits
    assert read == [False]  # what the rest is about
    after = make_head_contiguous(model)(input_ids=ids, logits_to_keep=3).logits
    assert read == [False, True]
    assert torch.allclose(before, after, atol=1e-6)


def test_use_explicit_attention_attends_alike() -> None:
    model = small()
    ids = torch.arange(12).view(2, 6)
    fused = model(input_ids=ids, labels=ids)
    use_explicit_attention(model, torch.device("cpu"))
    assert model.config._attn_implementation == "eager"
    assert torch.allclose(fused.loss, model(input_ids=ids, labels=ids).loss, atol=1e-5)
