"""Tiny models with random weights, one of each architecture, and pairs to train them on."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from tests.toys import text


def toy_tokenizer(special: tuple[str, ...], **names: str) -> Any:
    """Byte-level BPE over the toy language."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    rng = random.Random(0)
    lines = ["Write a short summary of the sentence in its own new words.", "Sentence: Answer:"]
    inner.train_from_iterator([*[text(rng) for _ in range(100)], *lines * 40], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=inner, model_max_length=512, **names)


def make_t5(folder: Path) -> Path:
    """A T5 of one layer on each side."""
    tokenizer = toy_tokenizer(("<pad>", "</s>"), pad_token="<pad>", eos_token="</s>")
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=1,
        num_decoder_layers=1,
        num_heads=4,
        dropout_rate=0.1,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_llama(folder: Path) -> Path:
    """A Llama of one layer, without a padding token, as many are."""
    tokenizer = toy_tokenizer(("<s>", "</s>"), bos_token="<s>", eos_token="</s>")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=0,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def toy_pairs(count: int, seed: int = 0) -> list[dict[str, str]]:
    """Pairs of both tasks: the first sentence of two, or the same sentences exchanged."""
    rng = random.Random(seed)
    rows = []
    for i in range(count):
        source = text(rng, 2).removeprefix("News: ")
        first, _, second = source.partition(". ")
        if i % 3 == 0:
            rows.append({"source": source, "target": f"{second} {first}.", "task": "paraphrase"})
        else:
            target = f"{first}." if i % 3 == 1 else first.split(" ")[-1].capitalize() + "."
            rows.append({"source": source, "target": target, "task": "summary"})
    return rows


def write_pairs(folder: Path) -> Path:
    """Pairs to train on and to validate on."""
    write_jsonl(folder / "train.jsonl", toy_pairs(48))
    write_jsonl(folder / "validation.jsonl", toy_pairs(12, seed=1))
    return folder


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Rows as a JSONL file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def make_decisive(model: torch.nn.Module) -> None:
    """Scale random weights up: as they are, a toy says one thing to every prompt."""
    for weights in model.parameters():
        weights.data.mul_(10 if weights.dim() > 1 else 1)
