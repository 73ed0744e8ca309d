"""One NLI model: text pairs in, probabilities by label name out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict

SPEC_FILE = "critic.json"
Encoded = list[int]


class CriticSpec(BaseModel):
    """How a critic reads a pair; `critic.json` beside its weights."""

    model_config = ConfigDict(extra="ignore")

    base: str
    labels: list[str]
    template: str | None
    max_tokens: int
    layers: int | None = None
    adapter: bool = False


class NliModel:
    """A sequence classifier over (premise, hypothesis).

    Sequences are padded on the right. A causal model is read at its last real token, which cannot
    see the padding, so it needs no mask; an encoder gets one.
    """

    def __init__(self, model: Any, tokenizer: Any, spec: CriticSpec) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.spec = spec

    @classmethod
    def from_parts(cls, model: Any, tokenizer: Any, spec: CriticSpec) -> NliModel:
        return cls(model, tokenizer, spec)

    def encode(self, pairs: Sequence[tuple[str, str]]) -> list[Encoded]:
        """Token ids of each pair, cut to `max_tokens`."""
        most = self.spec.max_tokens
        if self.spec.template is None:
            premises, hypotheses = [p for p, _ in pairs], [h for _, h in pairs]
            ids = self.tokenizer(premises, hypotheses, truncation=True, max_length=most)
            return list(ids["input_ids"])
        texts = [self.spec.template.format(premise=p, hypothesis=h) for p, h in pairs]
        return [ids[-most:] for ids in self.tokenizer(texts, add_special_tokens=False)["input_ids"]]

    def layers(self) -> list[Any]:
        model = self.model.base_model.model if self.spec.adapter else self.model
        body = getattr(model, model.base_model_prefix)
        return list(body.layers if hasattr(body, "layers") else body.encoder.layer)

    def logits(self, batch: Sequence[Encoded]) -> torch.Tensor:
        """Class logits, float32, shape (len(batch), len(labels))."""
        longest = -(-max(map(len, batch)) // 8) * 8
        pad = self.tokenizer.pad_token_id
        ids = torch.tensor([list(x) + [pad] * (longest - len(x)) for x in batch])
        lengths = torch.tensor([len(x) for x in batch])
        if self.spec.template is None:
            mask = torch.arange(longest)[None, :] < lengths[:, None]
            segments = torch.zeros_like(ids)
            sep = self.tokenizer.sep_token_id
            segments = ((ids == sep).cumsum(1) - (ids == sep).long()).clamp(max=1) * mask
            out: torch.Tensor = self.model(
                input_ids=ids, attention_mask=mask.long(), token_type_ids=segments
            ).logits
            return out.float()
        model = self.model.base_model.model if self.spec.adapter else self.model
        hidden = getattr(model, model.base_model_prefix)(input_ids=ids, use_cache=False)
        last = hidden.last_hidden_state[torch.arange(len(batch)), lengths - 1]
        return model.score(last).float()  # type: ignore[no-any-return]

    def save(self, folder: Path, training: dict[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        document = {**self.spec.model_dump(), "training": training}
        (folder / SPEC_FILE).write_text(json.dumps(document, indent=2) + "\n")
