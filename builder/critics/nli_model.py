"""One NLI classifier behind one face: text pairs in, logits by label name out.

Two kinds of folder are read. Any sequence-classification model of transformers, whose labels are
found by name; and a critic of our own making, which carries `critic.json` and may be an adapter
over another model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from builder.critics.nli_data import LABELS
from builder.critics.packing import groups_of, pack
from builder.critics.spec import SECOND_WEIGHTS, SPEC_FILE, CriticSpec, read_spec
from builder.errors import BuilderError
from builder.models import Resolved, loading, quiet_transformers, resolve

WEIGHTS = "model.safetensors"
Encoded = Mapping[str, list[int]]


class NliModel:
    """A sequence classifier over (premise, hypothesis), its classes ordered as `LABELS`."""

    def __init__(self, model: Any, tokenizer: Any, spec: CriticSpec) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.spec = spec
        self.columns = label_columns(model.config.id2label)

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
        most = self.spec.max_tokens
        if self.spec.template is None:
            premises, hypotheses = [p for p, _ in pairs], [h for _, h in pairs]
            batch = self.tokenizer(premises, hypotheses, truncation=True, max_length=most)
            return [{key: batch[key][i] for key in batch} for i in range(len(pairs))]
        texts = [self.spec.template.format(premise=p, hypothesis=h) for p, h in pairs]
        rows = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        return [{"input_ids": ids[-most:]} for ids in rows]

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
        return self._ordered(found)

    def groups(
        self, pairs: Sequence[tuple[str, str]], texts: Sequence[list[int]]
    ) -> list[list[int]]:
        """Indices of the pairs that `packed_logits` reads in one row.

        Args:
            texts: token ids of each pair, as `encode` gives them.
        """
        if self.spec.template is None:
            return [[index] for index in range(len(pairs))]
        return groups_of([premise for premise, _ in pairs], texts)

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
        return self._ordered(self.classifier.score(hidden[packed.ends]).float())

    def _ordered(self, found: torch.Tensor) -> torch.Tensor:
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

    def save(self, folder: Path, trainings: Sequence[Mapping[str, Any]]) -> None:
        """Write weights, tokenizer and `critic.json`, in which its trainings are recorded."""
        folder.mkdir(parents=True, exist_ok=True)
        some = {"state_dict": _but_embeddings(self.model)} if self.spec.frozen_embeddings else {}
        with quiet_transformers():
            self.model.save_pretrained(folder, **some)
        if not self.spec.over_base:
            self.tokenizer.save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)  # peft's template of blanks
        adapter = folder / "adapter_config.json"
        if adapter.is_file():  # peft notes where the base lay; another machine has it elsewhere
            content = json.loads(adapter.read_text(encoding="utf-8"))
            content["base_model_name_or_path"] = self.spec.base
            adapter.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        document = {**self.spec.model_dump(), "labels": list(LABELS), "trainings": list(trainings)}
        (folder / SPEC_FILE).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def load_members(reference: str, device: torch.device, dtype: torch.dtype) -> list[NliModel]:
    """Load a critic folder or any NLI model, ready for inference; more than one where two judge.

    Raises:
        BuilderError: a model is missing, corrupt, or its labels have no known names.
    """
    resolved = resolve(reference)
    first = read_spec(Path(resolved.path)) or CriticSpec(base=reference)
    members = [(first, WEIGHTS)]
    if first.second:
        members.append((first.second, SECOND_WEIGHTS))
    found = []
    for spec, weights in members:
        with loading(reference):
            model, tokenizer = _opened(spec, resolved, weights, dtype)
        found.append(NliModel(model.to(device).eval(), tokenizer, spec))
    return found


def _opened(
    spec: CriticSpec, resolved: Resolved, weights: str, dtype: torch.dtype
) -> tuple[Any, Any]:
    """Model and tokenizer of one critic in a folder."""
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    if not spec.over_base:
        tokenizer = AutoTokenizer.from_pretrained(resolved.path, **resolved.arguments())
        model = AutoModelForSequenceClassification.from_pretrained(
            resolved.path, dtype=dtype, use_safetensors=True, **resolved.arguments()
        )
        return model, tokenizer
    base = resolve(spec.base)
    tokenizer = AutoTokenizer.from_pretrained(base.path, **base.arguments())
    if spec.frozen_embeddings:
        model = with_new_head(base, dtype, spec.layers)
        return _over_embeddings(model, Path(resolved.path) / weights), tokenizer
    model = with_new_head(base, torch.float32, spec.layers)
    merged = PeftModel.from_pretrained(model, resolved.path).merge_and_unload()
    return merged.to(dtype), tokenizer


def with_new_head(base: Resolved, dtype: torch.dtype, layers: int | None = None) -> Any:
    """A model with a head for `LABELS`, new where it has none; its first `layers` only."""
    from transformers import AutoModelForSequenceClassification

    depth = {"num_hidden_layers": layers} if layers else {}
    with quiet_transformers():  # the head and the cut layers are meant to be missing
        return AutoModelForSequenceClassification.from_pretrained(
            base.path,
            num_labels=len(LABELS),
            id2label=dict(enumerate(LABELS)),
            label2id={name: i for i, name in enumerate(LABELS)},
            dtype=dtype,
            use_safetensors=True,
            **depth,
            **base.arguments(),
        )


def _over_embeddings(model: Any, weights: Path) -> Any:
    """The model, all of whose weights but the word embeddings are now those in the file."""
    found = load_file(weights)
    if {n: w.shape for n, w in found.items()} != {
        n: w.shape for n, w in _but_embeddings(model).items()
    }:
        raise BuilderError(f"{weights} holds weights of another model than its base")
    model.load_state_dict(found, strict=False)
    return model


def _but_embeddings(model: Any) -> dict[str, torch.Tensor]:
    """All weights by name, except the word embeddings."""
    embeddings = model.get_input_embeddings().weight.data_ptr()
    return {n: w for n, w in model.state_dict().items() if w.data_ptr() != embeddings}


def label_columns(id2label: Mapping[int, str]) -> list[int | None]:
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
