"""Train an NLI critic: a small base model, a three-way head, plain cross-entropy.

Two shapes of critic come out of one loop. A bidirectional encoder is fine-tuned whole and reads
(premise, hypothesis) as a pair. A causal model gets LoRA on its upper layers and reads one text
made from a template; its last token carries the verdict.

The loop is not transformers' Trainer, nor sentence-transformers' CrossEncoderTrainer over it, which
would be one more dependency, writes no pair into a template and is no faster: over the first 24 and
16 steps on the same examples in float32 it took 1.36 times the processor time of this loop both
times, 0.66 and 0.71 of its memory, and came to the same loss (`scripts/bench/critic_trainer.py`).
Both move a bfloat16 model's own weights: of the 10.8 million of embedded:minilm-l6 outside its word
embeddings, a step of 2e-4 (that recipe's highest rate) leaves 25 % where they were and one of 2e-5
leaves 87 %. Here float32 copies are moved, and a checkpoint is one file of what the steps changed,
written by the clock, so that an interrupted training ends with the same bytes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from builder.critics import checkpoint
from builder.critics.checkpoint import Checkpoint
from builder.critics.folder import add_head, load_members, save
from builder.critics.nli_data import LABELS, NliExample, draw_length_buckets, mix
from builder.critics.nli_model import NliModel
from builder.critics.recipe import CriticRecipe
from builder.critics.spec import SPEC_FILE, CriticSpec, read_spec
from builder.errors import BuilderError, ConfigError
from builder.models import explain_loading, hush_transformers, make_public_name, resolve
from builder.store import digest
from dimsum.cpu import use_explicit_attention
from dimsum.devices import pick_dtype
from dimsum.files import open_whole_files
from dimsum.loading import check_tokenizer

LORA_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
REPORT_EVERY = 50
CHECKPOINT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Step:
    """Where a training stands: means since the last report, and examples/s since it was begun or
    gone on with."""

    step: int
    steps: int
    loss: float
    accuracy: float
    rate: float


def train(
    recipe: CriticRecipe,
    examples: Sequence[NliExample],
    output: Path,
    report: Callable[[Step], None] = lambda step: None,
) -> NliModel:
    """Train on `examples`, save the critic to `output` and return it ready to score.

    The weights that it moved are saved in bfloat16, whatever it computes in.

    Every two minutes a checkpoint is written to `output`. Called again after an
    interruption, it goes on from there, to the same weights.

    Args:
        report: called every 50 steps and at the end.

    Raises:
        BuilderError: the base model cannot be loaded, or the loss is no number.
        ConfigError: `output` holds another training, or `limit` and `repeat` leave no example.
    """
    recipe = recipe.model_copy(update={"dtype": str(_choose_dtype(recipe)).removeprefix("torch.")})
    identity = digest([recipe.model_dump(mode="json"), [astuple(example) for example in examples]])
    begun = checkpoint.read(output, identity)
    mixed = mix(examples, recipe.repeat, recipe.limit, recipe.seed)
    if not mixed:
        raise ConfigError("limit and repeat leave no example", hint="raise them")
    torch.manual_seed(recipe.seed)
    critic = make_fresh(recipe)
    rows = critic.encode([(example.premise, example.hypothesis) for example in mixed])
    lengths = [len(row["input_ids"]) for row in rows]
    batches = [
        batch
        for epoch in range(recipe.epochs)
        for batch in draw_length_buckets(lengths, recipe.batch_size, recipe.seed + epoch)
    ]
    if recipe.compile:
        for layer in critic.layers():
            layer.compile(dynamic=True)
    optimiser = MasterWeights(critic.model, recipe.learning_rate, len(batches), recipe.warmup)
    critic.model.train()
    done = 0
    if begun is not None:
        done = begun.step
        optimiser.restore(begun)
    began, seen, since, loss_sum, hits = time.monotonic(), 0, 0, 0.0, 0
    saved = began
    for step, batch in enumerate(batches[done:], start=done + 1):
        labels = torch.tensor([mixed[i].label for i in batch])
        logits = critic.logits([rows[i] for i in batch])
        loss = cross_entropy(logits, labels)
        if not torch.isfinite(loss):
            raise BuilderError(
                f"the loss of step {step} is no number", hint="lower the learning_rate"
            )
        torch.autograd.backward(loss)
        optimiser.step()
        loss_sum += loss.item() * len(batch)
        hits += int((logits.argmax(-1) == labels).sum())
        since += len(batch)
        if step % REPORT_EVERY == 0 or step == len(batches):
            seen += since
            rate = seen / (time.monotonic() - began)
            report(Step(step, len(batches), loss_sum / since, hits / since, rate))
            since, loss_sum, hits = 0, 0.0, 0
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            checkpoint.write(output, identity, optimiser.checkpoint())
            saved = time.monotonic()
    critic.model.eval()
    optimiser.cast(torch.bfloat16)
    with open_whole_files(output, checkpoint.SCRATCH) as scratch:
        save(critic, scratch, _list_trainings(recipe))
    optimiser.cast(_choose_dtype(recipe))
    checkpoint.remove(output)
    return critic


def _list_trainings(recipe: CriticRecipe) -> list[dict[str, Any]]:
    """The trainings of the critic that this one went on from, and this one."""
    this = recipe.model_dump(mode="json")
    if recipe.start is None:
        return [this]
    about = Path(resolve(recipe.start).path) / SPEC_FILE
    before = json.loads(about.read_text(encoding="utf-8")) if about.is_file() else {}
    if recipe.method == "full" and before.get("second"):
        before = before["second"]
    return [*before.get("trainings", ()), {**this, "start": make_public_name(recipe.start)}]


def _choose_dtype(recipe: CriticRecipe) -> torch.dtype:
    return pick_dtype(torch.device("cpu"), recipe.dtype)


def make_fresh(recipe: CriticRecipe) -> NliModel:
    """The base model with a new head, and LoRA where the recipe asks for it."""
    from transformers import AutoTokenizer

    spec = CriticSpec(
        base=recipe.base,
        template=recipe.template,
        max_tokens=recipe.max_tokens,
        layers=recipe.layers,
        adapter=recipe.method == "lora",
        frozen_embeddings=recipe.method == "full" and recipe.frozen_embeddings,
    )
    if recipe.start and not spec.adapter:
        model, tokenizer = _load_earlier(recipe.start, recipe.base, _choose_dtype(recipe))
    else:
        base = resolve(recipe.base)
        with explain_loading(recipe.base):
            tokenizer = AutoTokenizer.from_pretrained(base.path, **base.arguments())
        model = add_head(base, _choose_dtype(recipe), recipe.layers)
        rows = model.get_input_embeddings().weight.shape[0]
        check_tokenizer(tokenizer, rows, recipe.base)
    use_explicit_attention(model, model.device)
    if spec.adapter:
        with hush_transformers():
            model = _add_lora(model, recipe)
    if recipe.dropout is not None:
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = recipe.dropout
    if recipe.frozen_embeddings:
        model.get_input_embeddings().requires_grad_(False)
    return NliModel(model, tokenizer, spec)


def _load_earlier(start: str, base: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """Model and tokenizer to go on from with all weights; of an ensemble the second's."""
    *others, critic = load_members(start, torch.device("cpu"), dtype)
    if others and critic.spec.base != base:
        raise ConfigError(
            f"the encoder of {start} has another base than the recipe",
            hint=f"it has base {critic.spec.base}",
        )
    if None in critic.columns:
        raise ConfigError(
            f"{start} lacks one of the labels {', '.join(LABELS)}",
            hint="begin with a model of these three labels, or with one without labels",
        )
    return critic.model, critic.tokenizer


def _add_lora(model: Any, recipe: CriticRecipe) -> Any:
    from peft import LoraConfig, PeftModel, get_peft_model

    if recipe.start:
        earlier = _find_adapter(recipe)
        return PeftModel.from_pretrained(
            model, earlier, is_trainable=True, autocast_adapter_dtype=False
        )
    lora = LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=2 * recipe.lora_rank,
        target_modules=LORA_TARGETS,
        layers_to_transform=list(range(recipe.frozen_layers, model.config.num_hidden_layers)),
        task_type="SEQ_CLS",
    )
    return get_peft_model(model, lora, autocast_adapter_dtype=False)


def _find_adapter(recipe: CriticRecipe) -> str:
    """Folder of the adapter that `recipe.start` names."""
    assert recipe.start is not None
    folder = resolve(recipe.start).path
    spec = read_spec(Path(folder))
    if spec is None or not spec.adapter:
        raise ConfigError(
            f"{recipe.start} is no adapter", hint="use method: full, or another start"
        )
    if (spec.base, spec.layers, spec.template) != (recipe.base, recipe.layers, recipe.template):
        raise ConfigError(
            f"{recipe.start} has another base, other layers or another template than the recipe",
            hint=f"it has base {spec.base}, layers {spec.layers}, template {spec.template!r}",
        )
    return folder


_MOMENTS = ("exp_avg", "exp_avg_sq")


class MasterWeights:
    """AdamW over parameters in float32, linear warm-up then linear decay.

    A bfloat16 parameter has 8 bits of mantissa: steps smaller than 1/256 of its value would be
    rounded away, so the optimiser moves float32 copies of such and the model reads them rounded.
    """

    def __init__(self, model: torch.nn.Module, rate: float, steps: int, warmup: float) -> None:
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.masters = [p.detach().float() for p in self.parameters]
        self.optimiser = torch.optim.AdamW(self.masters, lr=rate, weight_decay=0.01)
        self.rate = rate
        self.steps = steps
        self.rise = max(1, int(steps * warmup))
        self.taken = 0

    def step(self) -> None:
        """Apply the gradients that `backward` left on the parameters, and clear them."""
        for master, parameter in zip(self.masters, self.parameters, strict=True):
            master.grad = None if parameter.grad is None else parameter.grad.float()
            parameter.grad = None
        torch.nn.utils.clip_grad_norm_(self.masters, 1.0)
        falls = max(0.0, (self.steps - self.taken) / max(1, self.steps - self.rise))
        self.optimiser.param_groups[0]["lr"] = self.rate * min((self.taken + 1) / self.rise, falls)
        self.optimiser.step()
        self.taken += 1
        self._publish()

    def checkpoint(self) -> Checkpoint:
        """All that the steps changed."""
        tensors = {"random": torch.get_rng_state()}
        for number, master in enumerate(self.masters):
            tensors[f"{number}.master"] = master
            for name in _MOMENTS:
                if master in self.optimiser.state:
                    tensors[f"{number}.{name}"] = self.optimiser.state[master][name]
        return Checkpoint(self.taken, tensors)

    def restore(self, found: Checkpoint) -> None:
        """Go on from a checkpoint of the same training."""
        self.taken = found.step
        torch.set_rng_state(found.tensors["random"])
        for number, master in enumerate(self.masters):
            master.copy_(found.tensors[f"{number}.master"])
            moments = [found.tensors.get(f"{number}.{name}") for name in _MOMENTS]
            if all(moment is not None for moment in moments):
                self.optimiser.state[master] = {
                    "step": torch.tensor(float(found.step)),
                    **dict(zip(_MOMENTS, moments, strict=True)),
                }
        self._publish()

    def cast(self, dtype: torch.dtype) -> None:
        """Round the model's own parameters to another dtype."""
        for parameter in self.parameters:
            parameter.data = parameter.data.to(dtype)

    def _publish(self) -> None:
        """Let the model have the masters' values, rounded."""
        with torch.no_grad():
            for master, parameter in zip(self.masters, self.parameters, strict=True):
                parameter.copy_(master)
