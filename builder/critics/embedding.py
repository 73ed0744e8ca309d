"""Sentence embeddings: mean-pooled, unit length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from builder.critics.entailment import make_token_batches
from builder.models import explain_loading, resolve
from builder.prepacking import Switch, prepack, settle
from dimsum.devices import pick_device
from dimsum.loading import check_padding, count_positions, find_class, open_whole

Vectors = np.ndarray[Any, np.dtype[np.float32]]


class SentenceEncoder:
    """A bidirectional encoder whose token states are averaged over the sentence."""

    def __init__(self, model: Any, tokenizer: Any, identity: str, note: str) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.identity = identity
        self.notes = [note]

    @classmethod
    def load(cls, reference: str, prepacked: Switch = "auto") -> SentenceEncoder:
        """Load an encoder in float32.

        Args:
            prepacked: whether its weights are packed once (`builder.prepacking`).

        Raises:
            BuilderError: it is missing or corrupt.
            UsageError: it is no encoder of sentences.
        """
        from transformers import AutoModel

        resolved = resolve(reference)
        device = pick_device()
        find_class("encoder", resolved, "encoder")
        with explain_loading(reference):
            model, tokenizer = open_whole(AutoModel, resolved, torch.float32, lenient=True)
        check_padding(tokenizer, reference, "encoder")
        note = f"{reference} on {device.type} in float32"
        model = model.to(device).eval()
        if settle(prepacked, device, torch.float32):
            prepack(model)
        return cls(model, tokenizer, resolved.identity, note)

    def encode(self, sentences: Sequence[str], batch_tokens: int = 2048) -> Vectors:
        """Unit vectors, float32, shape (len(sentences), hidden size)."""
        if not sentences:
            return np.zeros((0, self.model.config.hidden_size), dtype=np.float32)
        most = min(256, count_positions(self.model.config, self.tokenizer))
        rows = self.tokenizer(list(sentences), truncation=True, max_length=most)["input_ids"]
        found = np.zeros((len(rows), self.model.config.hidden_size), dtype=np.float32)
        with torch.inference_mode():
            for batch in make_token_batches([len(ids) for ids in rows], batch_tokens):
                inputs = self.tokenizer.pad(
                    {"input_ids": [rows[i] for i in batch]}, return_tensors="pt"
                ).to(self.model.device)
                states = self.model(**inputs).last_hidden_state
                mask = inputs["attention_mask"].unsqueeze(-1)
                mean = (states * mask).sum(1) / mask.sum(1)
                found[batch] = torch.nn.functional.normalize(mean, dim=-1).cpu().numpy()
        return found
