"""LoRA by peft: where the adapters sit."""

from __future__ import annotations

from typing import Any

from dimsum.errors import UsageError
from dimsum.prompts import Architecture
from dimsum.training.recipe import Recipe


def add_lora(model: Any, architecture: Architecture, recipe: Recipe) -> Any:
    """The model under a fresh LoRA on its linear layers, the head aside; adapters are float32.

    With `lora_layers` only the last layers of a causal model have adapters. The gradient then
    stops above the others, which spares their part of the backward pass.

    Raises:
        UsageError: `lora_layers` for a sequence-to-sequence model, or more than there are.
    """
    from peft import LoraConfig, get_peft_model

    adapted: dict[str, Any] = {"target_modules": "all-linear"}
    if recipe.lora_layers is not None:
        total = getattr(model.config, "num_hidden_layers", 0)
        if architecture != "causal" or recipe.lora_layers > total:
            raise UsageError(
                f"lora_layers {recipe.lora_layers} does not fit {recipe.student}",
                hint=f"it is for causal models, and this one has {total} layers"
                if architecture == "causal"
                else "it is for causal models; leave it empty",
            )
        adapted = {
            "target_modules": list_linear_names(model),
            "layers_to_transform": list(range(total - recipe.lora_layers, total)),
        }
    assert recipe.lora_rank is not None
    return get_peft_model(
        model,
        LoraConfig(
            r=recipe.lora_rank,
            lora_alpha=2 * recipe.lora_rank,
            task_type="SEQ_2_SEQ_LM" if architecture == "seq2seq" else "CAUSAL_LM",
            **adapted,
        ),
    )


def list_linear_names(model: Any) -> list[str]:
    """Last names of the linear layers, the head aside."""
    import torch
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    return sorted(
        {
            name.rpartition(".")[2]
            for name, module in model.named_modules()
            if isinstance(module, (torch.nn.Linear, Conv1D)) and module is not head
        }
    )
