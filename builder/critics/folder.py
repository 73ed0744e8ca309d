"""A critic on disk.

Two kinds of folder are read. Any sequence-classification model of transformers, whose labels are
found by name; and a critic of our own making, which carries `critic.json`, may stand over another
model, and may be an ensemble of two (`builder.critics.join`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from builder.critics.nli_data import LABELS
from builder.critics.nli_model import NliModel
from builder.critics.spec import SECOND_WEIGHTS, SPEC_FILE, CriticSpec, read_spec
from builder.errors import BuilderError
from builder.models import Resolved, explain_loading, hush_transformers, resolve
from dimsum.loading import check_weights, open_whole, refuse_nan

WEIGHTS = "model.safetensors"
HEADS = ("score.", "classifier.", "classification_head.", "pre_classifier.", "pooler.")
"""Beginnings of the names of weights that a new critic learns, the base's own prefix left out."""


def load_members(reference: str, device: torch.device, dtype: torch.dtype) -> list[NliModel]:
    """Load a critic folder or any NLI model, ready for inference; more than one for an ensemble.

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
        with explain_loading(reference):
            model, tokenizer = _open(spec, resolved, weights, dtype)
        found.append(NliModel(model.to(device).eval(), tokenizer, spec))
    return found


def _open(
    spec: CriticSpec, resolved: Resolved, weights: str, dtype: torch.dtype
) -> tuple[Any, Any]:
    """Model and tokenizer of one critic in a folder."""
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    if not spec.over_base:
        return open_whole(AutoModelForSequenceClassification, resolved, dtype)
    base = resolve(spec.base)
    tokenizer = AutoTokenizer.from_pretrained(base.path, **base.arguments())
    if spec.frozen_embeddings:
        model = add_head(base, dtype, spec.layers)
        return _load_over_embeddings(model, Path(resolved.path) / weights), tokenizer
    model = add_head(base, torch.float32, spec.layers)
    merged = PeftModel.from_pretrained(model, resolved.path).merge_and_unload()
    return merged.to(dtype), tokenizer


def add_head(base: Resolved, dtype: torch.dtype, layers: int | None = None) -> Any:
    """A model with a head for `LABELS`, new where it has none; its first `layers` only.

    Raises:
        BuilderError: its weights are not those of one model, or are no numbers.
    """
    from transformers import AutoModelForSequenceClassification

    depth = {"num_hidden_layers": layers} if layers else {}
    with explain_loading(
        base.reference
    ):  # quiet: the head and the cut layers are meant to be missing
        model, info = AutoModelForSequenceClassification.from_pretrained(
            base.path,
            num_labels=len(LABELS),
            id2label=dict(enumerate(LABELS)),
            label2id={name: i for i, name in enumerate(LABELS)},
            dtype=dtype,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # of the head; others are refused below
            **depth,
            **base.arguments(),
        )
    check_weights(info, base.reference, new=HEADS, model=None if layers else model)
    refuse_nan(model.base_model.named_parameters(), base.reference)
    return model


def _load_over_embeddings(model: Any, weights: Path) -> Any:
    """The model, all of whose weights but the word embeddings are now those in the file."""
    found, wanted = load_file(weights), _leave_out_embeddings(model)
    if {n: w.shape for n, w in found.items()} != {n: w.shape for n, w in wanted.items()}:
        raise BuilderError(
            f"{weights} holds weights of another model than its base",
            hint="weights and base are of one training: copy both again",
        )
    model.load_state_dict(found, strict=False)
    return model


def _leave_out_embeddings(model: Any) -> dict[str, torch.Tensor]:
    """All weights by name, except the word embeddings."""
    embeddings = model.get_input_embeddings().weight.data_ptr()
    return {n: w for n, w in model.state_dict().items() if w.data_ptr() != embeddings}


def save(critic: NliModel, folder: Path, trainings: Sequence[Mapping[str, Any]]) -> None:
    """Write weights, tokenizer and `critic.json`, in which its trainings are recorded."""
    folder.mkdir(parents=True, exist_ok=True)
    some = (
        {"state_dict": _leave_out_embeddings(critic.model)} if critic.spec.frozen_embeddings else {}
    )
    with hush_transformers():
        critic.model.save_pretrained(folder, **some)
    if not critic.spec.over_base:
        critic.tokenizer.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)  # peft's template of blanks
    adapter = folder / "adapter_config.json"
    if adapter.is_file():  # peft notes where the base lay; another machine has it elsewhere
        content = json.loads(adapter.read_text(encoding="utf-8"))
        content["base_model_name_or_path"] = critic.spec.base
        for names in ("target_modules", "modules_to_save"):  # sets, in any order
            content[names] = sorted(set(content[names] or ()))
        adapter.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    document = {**critic.spec.model_dump(), "labels": list(LABELS), "trainings": list(trainings)}
    (folder / SPEC_FILE).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
