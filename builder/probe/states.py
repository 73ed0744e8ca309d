"""Sentences as the teacher holds them: the mean of its hidden states over a sentence's tokens.

A sentence is read alone, without its context: behind a shared context all states would be alike
for that reason. The first position of a text has a state many times the size of all others,
whatever stands there, so a token that belongs to no sentence is put there and left out of the
mean. States of language models share a common direction, so the mean over all sentences is taken
away before cosines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from builder.critics.entailment import token_batches
from builder.models import LoadedModel
from builder.probe.settings import LAYERS

Vectors = np.ndarray[Any, np.dtype[np.float32]]
BATCH_TOKENS = 2048
MOST_TOKENS = 128


def states(teacher: LoadedModel, sentences: Sequence[str]) -> dict[str, Vectors]:
    """Unit vectors of every sentence at LAYERS, centred; shape (len(sentences), hidden size)."""
    tokenizer, model = teacher.tokenizer, teacher.model
    lead = _lead(tokenizer)
    rows = [lead + _tokenize(tokenizer, one) for one in sentences]
    found: dict[str, list[Any]] = {layer: [None] * len(rows) for layer in LAYERS}
    with torch.inference_mode():
        for batch in token_batches([len(ids) for ids in rows], BATCH_TOKENS):
            width = max(len(rows[i]) for i in batch)
            # Right padding: under a causal mask no token sees what stands after it.
            ids = torch.tensor([rows[i] + [0] * (width - len(rows[i])) for i in batch])
            mask = torch.tensor([[1] * len(rows[i]) + [0] * (width - len(rows[i])) for i in batch])
            ids, mask = ids.to(teacher.device), mask.to(teacher.device)
            layers = model(
                input_ids=ids, attention_mask=mask, output_hidden_states=True, use_cache=False
            ).hidden_states
            weights = mask.unsqueeze(-1).float()
            weights[:, : len(lead)] = 0
            for layer in LAYERS:
                hidden = layers[len(layers) // 2 if layer == "middle" else -1].float()
                means = ((hidden * weights).sum(1) / weights.sum(1)).cpu().numpy()
                for row, vector in zip(batch, means, strict=True):
                    found[layer][row] = vector
    return {layer: centre(np.stack(some)) for layer, some in found.items()}


def _lead(tokenizer: Any) -> list[int]:
    """A token to stand before every sentence: the beginning of a text, or its end."""
    known = (tokenizer.bos_token_id, tokenizer.eos_token_id)
    return [one for one in known if one is not None][:1]


def _tokenize(tokenizer: Any, sentence: str) -> list[int]:
    ids: list[int] = tokenizer.encode(sentence, add_special_tokens=False)
    return ids[:MOST_TOKENS]


def centre(vectors: Vectors) -> Vectors:
    """Vectors less their mean, at unit length; one that is the mean itself stays zero."""
    moved = vectors - vectors.mean(0)
    norms = np.linalg.norm(moved, axis=1, keepdims=True)
    result: Vectors = moved / np.where(norms > 0, norms, 1)
    return result
