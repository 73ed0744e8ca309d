"""Real models small enough to train in a second: a teacher of ten words and a critic of one fact.

They go through the same doors as any model: folders with safetensors, opened by transformers.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from builder.critics.entailment import CHECKS
from builder.critics.nli_data import LABELS

SUBJECTS = ("The dog", "The old dog", "A cat", "The small cat", "Two birds", "Mary", "The child")
VERBS = ("sleeps", "sits", "waits", "sings", "eats", "plays")
PLACES = ("near the river", "in the garden", "on the road", "in the old house", "with Anna", "")


def sentence(rng: random.Random) -> str:
    """A sentence of the toy language."""
    words = [rng.choice(SUBJECTS), rng.choice(VERBS), rng.choice(PLACES)]
    return " ".join(word for word in words if word) + "."


def text(rng: random.Random, sentences: int = 5) -> str:
    """Some sentences of the toy language."""
    return "News: " + " ".join(sentence(rng) for _ in range(sentences))


def make_teacher(
    folder: Path,
    steps: int = 150,
    text: Callable[[random.Random, int], str] = text,
    hidden: int = 48,
) -> Path:
    """A one-layer Llama trained on the toy language, saved with its tokenizer.

    Args:
        hidden: its width, in 4 heads; vLLM wants 128 or more.
    """
    rng = random.Random(0)
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator([text(rng, 5) for _ in range(200)], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=hidden,
            intermediate_size=2 * hidden,
            num_hidden_layers=1,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=256,
            bos_token_id=0,
            eos_token_id=1,
        )
    )
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(steps):
        rows = [tokenizer(text(rng, 8))["input_ids"][:48] for _ in range(8)]
        ids = torch.tensor([row for row in rows if len(row) == 48])
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "openings.txt").write_text("News:\n")
    return folder


def make_critic(folder: Path, labels: tuple[str, ...] = LABELS) -> Path:
    """A tiny BERT that has learnt the critic's start-up checks by heart, and nothing else."""
    checked = [word for premise, hypothesis, _ in CHECKS for word in (premise + hypothesis).split()]
    words = sorted({*checked, *" ".join((*SUBJECTS, *VERBS, *PLACES, ".")).split()})
    letters = sorted(set("".join(words)))
    # Written down here, because the library's trainer finds another vocabulary each time.
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words, *letters, *(f"##{x}" for x in letters)]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    inner = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    from tokenizers.processors import TemplateProcessing

    inner.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=128,
    )
    torch.manual_seed(0)
    model: Any = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=128,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            num_labels=len(labels),
            id2label=dict(enumerate(labels)),
            label2id={name: i for i, name in enumerate(labels)},
        )
    )
    wrong = next(i for i, name in enumerate(labels) if not name.lower().startswith("entail"))
    right = next(i for i, name in enumerate(labels) if name.lower().startswith("entail"))
    batch = tokenizer(
        [p for p, _, _ in CHECKS], [h for _, h, _ in CHECKS], padding=True, return_tensors="pt"
    )
    target = torch.tensor([right if entails else wrong for _, _, entails in CHECKS])
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(60):
        loss = model(**batch, labels=target).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def toy_config(teacher: Path, critic: Path) -> dict[str, Any]:
    """A configuration of a build that takes about a second and keeps a few dozen pairs."""
    return {
        "name": "dimsum_plus",
        "teacher": {"model": str(teacher), "device": "cpu", "dtype": "float32"},
        "critic": {"model": str(critic), "device": "cpu", "dtype": "float32"},
        "domains": [{"name": "toy", "kind": "file", "file": str(teacher / "openings.txt")}],
        "contexts": {
            "openings": 6,
            "samples": 3,
            "sampling": {"temperature": 1.0, "max_new_tokens": 40, "banned": ["\n"]},
            "max_sentences": 3,
            "per_continuation": 1,
            "shard": 2,
        },
        "candidates": {
            "samples": 12,
            "methods": [
                {"kind": "parallel", "temperature": 1.0, "max_new_tokens": 24, "banned": ["\n"]}
            ],
        },
        "pairs": {
            "bounds": {
                "paraphrase": {"compression": {"min": 0.7, "max": 1.6}, "rouge_l": {"max": 0.9}},
                "summary": {"compression": {"min": 0.1, "max": 0.85}},
            }
        },
        "scores": {"floor": 0.05},
        "rules": {
            "paraphrase": {
                "compression": {"min": 0.8, "max": 1.5},
                "rouge_l": {"max": 0.85},
                "numbers_forward": {"min": 1},
                "entail_forward": {"min": 0.1},
                "entail_backward": {"min": 0.1},
            },
            "summary": {"compression": {"min": 0.1, "max": 0.8}, "entail_forward": {"min": 0.1}},
        },
        "duplicates": {"entailment": 0.9999},
        "splits": {"validation": 0.1, "test": 0.1},
    }
