"""Tiny decoder-only models with random weights, and a word-piece tokenizer that fits them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    BioGptConfig,
    BioGptForCausalLM,
    CTRLConfig,
    CTRLLMHeadModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

MODELS = ("gpt2", "llama", "biogpt", "ctrl")

CORPUS = [
    "The old town stood by the river. Mr. Smith went to the U.S. market in May!",
    'He said: "I paid 3.5 dollars." She asked why? It was late, and the storm came.',
    "A dog (the small one) ran home.\nThe team won 12 games, and the city cheered...",
    "Doctors in the north report fewer cases of the disease; nobody knows why.",
]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tiny matrices only wait for each other on more."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE of about 330 tokens; <s> begins a text where asked, </s> ends it."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(CORPUS * 4, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


def make_model(kind: str, vocabulary: int, *, seed: int = 0) -> Any:
    """A random model in float32 whose next-token distributions are far from uniform."""
    torch.manual_seed(seed)
    special = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    shape: dict[str, Any] = {"vocab_size": vocabulary, **special}
    if kind == "gpt2":
        made: Any = GPT2LMHeadModel(
            GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=160, **shape)
        )
    elif kind == "llama":
        made = LlamaForCausalLM(
            LlamaConfig(
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=160,
                **shape,
            )
        )
    elif kind == "biogpt":
        made = BioGptForCausalLM(
            BioGptConfig(
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=4,
                intermediate_size=48,
                max_position_embeddings=160,
                **shape,
            )
        )
    elif kind == "ctrl":
        made = CTRLLMHeadModel(
            CTRLConfig(n_embd=32, dff=48, n_layer=2, n_head=4, n_positions=160, **shape)
        )
    else:
        raise ValueError(kind)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim == 2:
                parameter.mul_(8)
    return made.eval()


@pytest.fixture(scope="session")
def tiny_models(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    """One random model of each kind in MODELS, float32."""
    return {kind: make_model(kind, len(tokenizer)) for kind in MODELS}


@pytest.fixture(params=MODELS)
def tiny_model(request: pytest.FixtureRequest, tiny_models: dict[str, Any]) -> Any:
    """Each of the tiny models in turn."""
    return tiny_models[request.param]


@pytest.fixture(scope="session")
def word_tokenizer(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """As many tokens, but one a word, so that encoding what was decoded gives the same ids."""
    words = ["<pad>", "<s>", "</s>", "<unk>", *(f"w{i}" for i in range(len(tokenizer) - 4))]
    inner = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    )
