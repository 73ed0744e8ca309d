"""One NLI classifier behind one face: text pairs in, logits by label name out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from builder.critics.packing import group_texts, pack
from builder.critics.spec import CriticSpec
from builder.errors import BuilderError
from dimsum.loading import count_positions

Encoded = Mapping[str, list[int]]


class NliModel:
    """A sequence classifier over (premise, hypothesis), its classes ordered as `LABELS`."""

    def __init__(self, model: Any, tokenizer: Any, spec: CriticSpec) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.spec = spec
        self.columns = find_label_columns(model.config.id2label)
        self.max_tokens = min(spec.max_tokens, count_positions(model.config, tokenizer))

    @property
    def classifier(self) -> Any:
        """The plain model, under a training adapter if there is one."""
        return self.model.base_model.model if hasattr(self.model, "peft_config") else self.model

    @property
    def body(self) -> Any:
        """The classifier without its head."""
        return getattr(self.classifier, self.classifier.base_model_prefix)

    def layers(self) -> list[Any]:
        """The transformer layers, first to last."""
        body = self.body
        return list(body.layers if hasattr(body, "layers") else body.encoder.layer)

    def encode(self, pairs: Sequence[tuple[str, str]]) -> list[Encoded]:
        """Model inputs of each pair, cut to `max_tokens`.

        A template that is too long loses its beginning: the verdict is read at its end.
        """
        most = self.max_tokens
        if self.spec.template is None:
            return self._encode_pairs(pairs, truncation=True, max_length=most)
        return [{"input_ids": row["input_ids"][-most:]} for row in self.encode_whole(pairs)]

    def encode_whole(self, pairs: Sequence[tuple[str, str]]) -> list[Encoded]:
        """Model inputs of each pair, however long; of one that fits those of `encode`."""
        if self.spec.template is None:
            return self._encode_pairs(pairs, verbose=False)
        texts = [self.spec.template.format(premise=p, hypothesis=h) for p, h in pairs]
        rows = self.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        return [{"input_ids": ids} for ids in rows]

    def _encode_pairs(self, pairs: Sequence[tuple[str, str]], **options: Any) -> list[Encoded]:
        batch = self.tokenizer([p for p, _ in pairs], [h for _, h in pairs], **options)
        return [{key: batch[key][i] for key in batch} for i in range(len(pairs))]

    def fits(self, premise: str, hypothesis: str) -> bool:
        """Whether a pair is read whole."""
        return len(self.encode_whole([(premise, hypothesis)])[0]["input_ids"]) <= self.max_tokens

    def logits(self, batch: Sequence[Encoded]) -> torch.Tensor:
        """Class logits in the order of `LABELS`, float32, shape (len(batch), 3)."""
        if self.spec.template is None:
            inputs = self.tokenizer.pad(
                {key: [row[key] for row in batch] for key in batch[0]},
                return_tensors="pt",
                pad_to_multiple_of=8,
            ).to(self.model.device)
            found = self.model(**inputs).logits.float()
        else:
            found = self._causal_logits([row["input_ids"] for row in batch])
        return self._reorder(found)

    def groups(
        self, pairs: Sequence[tuple[str, str]], texts: Sequence[list[int]]
    ) -> list[list[int]]:
        """Indices of the pairs that `packed_logits` reads in one row.

        Args:
            texts: token ids of each pair, as `encode` gives them.
        """
        if self.spec.template is None:
            return [[index] for index in range(len(pairs))]
        return group_texts([premise for premise, _ in pairs], texts)

    def packed_logits(self, groups: Sequence[Sequence[Encoded]]) -> torch.Tensor:
        """Class logits, with a causal critic each group's texts read in one row.

        Args:
            groups: of `groups`; a group of one is read as `logits` reads it.

        Returns:
            in the order of the groups and of `LABELS`, float32, shape (texts, 3).
        """
        if self.spec.template is None:
            return self.logits([row for group in groups for row in group])
        device = self.classifier.device
        rows = [[list(row["input_ids"]) for row in group] for group in groups]
        packed = pack(rows, self.tokenizer.pad_token_id, self.classifier.dtype)
        hidden = self.body(
            input_ids=packed.ids.to(device),
            position_ids=packed.positions.to(device),
            attention_mask=packed.mask.to(device),
            use_cache=False,
        ).last_hidden_state
        return self._reorder(self.classifier.score(hidden[packed.ends]).float())

    def _reorder(self, found: torch.Tensor) -> torch.Tensor:
        """The model's classes in the order of `LABELS`; one that it lacks is never likely."""
        missing = torch.full_like(found[:, :1], -1e4)
        columns = [missing if c is None else found[:, c : c + 1] for c in self.columns]
        return torch.cat(columns, dim=1)

    def _causal_logits(self, rows: list[list[int]]) -> torch.Tensor:
        """Read the head at each row's last token.

        Padding stands on the right, where a causal model's earlier tokens cannot see it, so no
        attention mask is needed.
        """
        longest = -(-max(map(len, rows)) // 8) * 8
        pad = self.tokenizer.pad_token_id
        device = self.classifier.device
        ids = torch.tensor([row + [pad] * (longest - len(row)) for row in rows], device=device)
        last = torch.tensor([len(row) - 1 for row in rows], device=device)
        hidden = self.body(input_ids=ids, use_cache=False).last_hidden_state
        found: torch.Tensor = self.classifier.score(hidden[torch.arange(len(rows)), last])
        return found.float()


def find_label_columns(id2label: Mapping[int, str]) -> list[int | None]:
    """Columns of the model's logits in the order of `LABELS`, found by name.

    A two-class model has no column for contradiction; its other class stands for neutral.

    Raises:
        BuilderError: no label that begins with "entail".
    """
    by_name = {str(name).lower(): int(index) for index, name in id2label.items()}

    def column(start: str) -> int | None:
        return next((i for name, i in by_name.items() if name.startswith(start)), None)

    entailment = column("entail")
    if entailment is None:
        raise BuilderError(
            f"no label of the critic says entailment: {', '.join(map(str, id2label.values()))}",
            hint="use an NLI model whose config.json names its labels in id2label",
        )
    neutral, contradiction = column("neutral"), column("contradict")
    if neutral is None and contradiction is None and len(by_name) == 2:
        neutral = 1 - entailment
    return [entailment, neutral, contradiction]
