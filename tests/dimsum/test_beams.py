"""Prompts that are run once and not once a beam, against transformers' own beam search."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    CTRLConfig,
    GPT2Config,
    LlamaConfig,
    MambaConfig,
)

from dimsum.decoding import _run_prompts
from dimsum.writing import make_plain_generation

SMALL = {"vocab_size": 60, "bos_token_id": 1, "eos_token_id": 1}
WIDTH = {"hidden_size": 32, "num_hidden_layers": 2}
CONFIGS = [
    (GPT2Config(**SMALL, n_embd=32, n_layer=2, n_head=2, n_positions=64), True),
    (LlamaConfig(**SMALL, **WIDTH, intermediate_size=64, num_attention_heads=4), True),
    (BloomConfig(**SMALL, hidden_size=32, n_layer=2, n_head=2), True),
    (CTRLConfig(**SMALL, n_embd=32, dff=64, n_layer=2, n_head=2, n_positions=64), True),
    (MambaConfig(**SMALL, **WIDTH, state_size=4), False),
]


@pytest.mark.parametrize(
    ("config", "cached"), CONFIGS, ids=[config.model_type for config, _ in CONFIGS]
)
def test_beams_of_prompts_that_were_run_once_are_the_same(config: Any, cached: bool) -> None:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    tokenizer = SimpleNamespace(eos_token_id=1, pad_token_id=0)
    ids = torch.tensor([[0, 0, 5, 6, 7, 8], [9, 10, 11, 12, 13, 14]])
    inputs = {"input_ids": ids, "attention_mask": (ids > 0).long()}
    how = {"num_beams": 3, "num_return_sequences": 3}
    how |= {"generation_config": make_plain_generation(tokenizer, 8)}
    with torch.inference_mode():
        more = _run_prompts(model, tokenizer, inputs, 3)
        assert bool(more) == cached
        found = model.generate(**inputs, **more, **how)
        assert len(found.unique(dim=0)) > 2
        assert torch.equal(found, model.generate(**inputs, **how))
