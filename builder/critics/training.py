"""Train an NLI critic: a small base model, a three-way head, plain cross-entropy.

Two shapes of critic come out of one loop. A bidirectional encoder is fine-tuned whole and reads
(premise, hypothesis) as a pair. A causal model gets LoRA on its upper layers and reads one text
made from a template; its last token carries the verdict.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch.nn.functional import cross_entropy
from transformers import AutoModelForSequenceClassification

from builder.critics.nli_data import LABELS, NliExample, length_buckets, mix
from builder.critics.nli_model import CriticSpec, NliModel
from builder.models import resolve

LORA_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class CriticTraining(BaseModel):
    """Hyper-parameters of one training; saved beside the weights."""

    model_config = ConfigDict(extra="forbid")

    base: str
    method: Literal["lora", "full"] = "lora"
    template: str | None = "{premise}\nTherefore: {hypothesis}\nTrue?"
    layers: int | None = Field(None, ge=1, description="keep only the first N layers")
    frozen_layers: int = Field(0, ge=0, description="LoRA starts above these")
    lora_rank: int = Field(16, ge=1)
    epochs: int = Field(1, ge=1)
    batch_size: int = Field(32, ge=1)
    learning_rate: float = Field(4e-4, gt=0)
    warmup: float = Field(0.05, ge=0, le=1)
    max_tokens: int = Field(128, ge=8)
    repeat: dict[str, int] = {}
    limit: dict[str, int] = {}
    seed: int = 0
    compile: bool = False


Report = Callable[[dict[str, float]], None]


def train(
    config: CriticTraining, examples: list[NliExample], output: Path, report: Report
) -> NliModel:
    """Train on `examples` and save the critic to `output`.

    Args:
        report: called every 50 steps with step, steps, loss, accuracy, rate (examples/s).

    Returns:
        The trained critic, ready to score.
    """
    torch.manual_seed(config.seed)
    critic = NliModel.from_parts(*_fresh_model(config))
    mixed = mix(examples, config.repeat, config.limit, config.seed)
    texts = critic.encode([(e.premise, e.hypothesis) for e in mixed])
    lengths = [len(ids) for ids in texts]
    batches = [
        batch
        for epoch in range(config.epochs)
        for batch in length_buckets(lengths, config.batch_size, config.seed + epoch)
    ]
    if config.compile:
        for layer in critic.layers():
            layer.compile(dynamic=True)
    optimiser = MasterWeights(critic.model, config.learning_rate, len(batches), config.warmup)
    critic.model.train()
    started, seen, losses, hits = time.monotonic(), 0, 0.0, 0
    for step, batch in enumerate(batches, start=1):
        labels = torch.tensor([mixed[i].label for i in batch])
        logits = critic.logits([texts[i] for i in batch])
        loss = cross_entropy(logits, labels)
        loss.backward()
        optimiser.step()
        losses += loss.item()
        hits += int((logits.argmax(-1) == labels).sum())
        seen += len(batch)
        if step % 50 == 0 or step == len(batches):
            since = (step - 1) % 50 + 1
            report(
                {
                    "step": step,
                    "steps": len(batches),
                    "loss": losses / since,
                    "accuracy": hits / (since * config.batch_size),
                    "rate": seen / (time.monotonic() - started),
                }
            )
            losses, hits = 0.0, 0
    critic.model.eval()
    critic.save(output, config.model_dump(mode="json"))
    return critic


def _fresh_model(config: CriticTraining) -> tuple[Any, Any, CriticSpec]:
    from transformers import AutoTokenizer

    base = resolve(config.base)
    extra = {"num_hidden_layers": config.layers} if config.layers else {}
    model = AutoModelForSequenceClassification.from_pretrained(
        base.path,
        num_labels=len(LABELS),
        id2label=dict(enumerate(LABELS)),
        label2id={name: i for i, name in enumerate(LABELS)},
        dtype=torch.bfloat16,
        **extra,
    )
    tokenizer = AutoTokenizer.from_pretrained(base.path)
    if config.method == "lora":
        model = _with_lora(model, config)
    spec = CriticSpec(
        base=config.base,
        labels=list(LABELS),
        template=config.template,
        max_tokens=config.max_tokens,
        layers=config.layers,
        adapter=config.method == "lora",
    )
    return model, tokenizer, spec


def _with_lora(model: Any, config: CriticTraining) -> Any:
    from peft import LoraConfig, get_peft_model

    lora = LoraConfig(
        r=config.lora_rank,
        lora_alpha=2 * config.lora_rank,
        target_modules=LORA_TARGETS,
        layers_to_transform=list(range(config.frozen_layers, model.config.num_hidden_layers)),
        task_type="SEQ_CLS",
    )
    return get_peft_model(model, lora, autocast_adapter_dtype=False)


class MasterWeights:
    """AdamW over float32 copies of bfloat16 parameters, linear warm-up then linear decay.

    A bfloat16 parameter has 8 bits of mantissa: steps smaller than 1/256 of its value would be
    rounded away, so the optimiser moves float32 copies and the model reads them rounded.
    """

    def __init__(self, model: torch.nn.Module, rate: float, steps: int, warmup: float) -> None:
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.masters = [p.detach().float().clone() for p in self.parameters]
        self.optimiser = torch.optim.AdamW(self.masters, lr=rate, weight_decay=0.01)
        rise = max(1, int(steps * warmup))
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser,
            lambda step: min((step + 1) / rise, max(0.0, (steps - step) / max(1, steps - rise))),
        )

    def step(self) -> None:
        """Apply the gradients that `backward` left on the parameters, and clear them."""
        for master, parameter in zip(self.masters, self.parameters, strict=True):
            master.grad = None if parameter.grad is None else parameter.grad.float()
            parameter.grad = None
        torch.nn.utils.clip_grad_norm_(self.masters, 1.0)
        self.optimiser.step()
        self.schedule.step()
        with torch.no_grad():
            for master, parameter in zip(self.masters, self.parameters, strict=True):
                parameter.copy_(master)
