"""What a training would cost: memory counted on a model without weights, speed measured for real.

Neither needs the model's weights: memory is counted on the `meta` device, and a few steps are
timed on random weights, which compute no faster and no slower than trained ones. accelerate's
estimator (`accelerate estimate-memory`) is not enough for it: it counts no activations, takes
every weight to be trained, under LoRA too, and times nothing. Of SmolLM2-135M with LoRA and whole,
four pairs at once, it says 2.00 GiB both times, this module 1.04 and 2.51, and 1.42 and 2.29 are
taken (`scripts/bench/memory_plan.py`).
"""

from __future__ import annotations

import contextlib
import inspect
import os
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dimsum.cpu import make_head_contiguous, use_explicit_attention
from dimsum.data.dataset import read_rows
from dimsum.data.values import Reading
from dimsum.devices import pick_device, pick_dtype
from dimsum.models import explain_loading, make_public_name, resolve
from dimsum.objectives.divergence import CHUNK_ELEMENTS
from dimsum.objectives.settings import GKD
from dimsum.opening import read_architecture
from dimsum.pairs import Data, check_data, read_pairs
from dimsum.prompts import Architecture, PromptFormat
from dimsum.training.examples import IGNORED
from dimsum.training.lora import add_lora
from dimsum.training.recipe import Recipe, check_precision
from dimsum.training.trees import Shown, add_trees, fit_syntax

SAMPLE = 2000
"""Pairs whose lengths are measured."""
GIB = 2**30
CHARACTERS_A_TOKEN = 4
MOST_OF_MEMORY = 0.9
"""Share of the free memory that the timed steps may take."""


def plan(
    data: Data, recipe: Recipe, *, device: str | None = None, steps: int = 3
) -> dict[str, Any]:
    """Memory and time of a training.

    Args:
        recipe: its `student` may be a folder with nothing but a `config.json`.
        steps: timed on random weights, after one that is not; 0 times nothing.

    Returns:
        parameters, tokens of a pair, memory in GiB (activations of one micro-batch of pairs at the
        95th percentile of length), the teacher of a distillation among it, and what was measured:
        tokens/s, pairs/s and hours; or, in `not_measured`, why there is too little memory to
        measure.

    Raises:
        UsageError: no data, a model that generates no text, float16 for a T5.
    """
    where = pick_device(device)
    check_data(data.reference, recipe.columns(data.columns), data.config, recipe.definitions)
    folder, config = _read_config(recipe.student)
    architecture = read_architecture(config, recipe.student)
    check_precision(recipe, config.model_type, where.type)
    half = recipe.precision in ("bfloat16", "float16") or (
        recipe.precision == "auto" and pick_dtype(where) == torch.bfloat16
    )
    prompts, targets, rows, how, reading = _measure_lengths(data, recipe, architecture, folder)
    with torch.device("meta"):
        model = _make_model(config, architecture, recipe, half)
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    long = (int(np.percentile(prompts, 95)), int(np.percentile(targets, 95)))
    memory = {
        "weights": _count_bytes(model),
        "gradients": 4 * trainable,
        "optimiser": 8 * trainable,
        "activations": _measure_activations(
            model, architecture, recipe.micro_batch, long, config, half
        ),
    }
    if isinstance(recipe.objective, GKD):
        memory["teacher"], of_teacher = _plan_teacher(recipe.objective, recipe, half)
    total = sum(memory.values())
    tokens = float(np.mean(prompts) + np.mean(targets))
    pairs = min(rows, recipe.max_pairs or rows) * recipe.epochs
    found: dict[str, Any] = {
        "student": make_public_name(recipe.student),
        "architecture": architecture,
        "parameters": sum(p.numel() for p in model.parameters()),
        "trainable": trainable,
        "tokens_a_pair": round(tokens, 1),
        "tokens_counted": how,
        "pairs": pairs,
        "dropped": dict(reading.dropped),
        "steps": -(-pairs // recipe.batch_size),
        "memory_gib": {k: round(v / GIB, 3) for k, v in {**memory, "total": total}.items()},
    }
    if isinstance(recipe.objective, GKD):
        found["teacher"] = of_teacher
    del model
    usual = (int(np.mean(prompts)), max(1, int(np.mean(targets))))
    free = _find_free_memory(where)
    found["measured"] = None
    if steps > 0 and free is not None and total > MOST_OF_MEMORY * free:
        found["not_measured"] = f"{free / GIB:.1f} GiB are free, too few for a step"
    elif steps > 0:
        found["measured"] = _measure(config, architecture, recipe, half, where, usual, steps)
        if isinstance(recipe.objective, GKD):
            _add_teacher(found["measured"], config, architecture, recipe, half, where, usual)
    rate = (found["measured"] or {}).get("pairs_a_second")
    found["hours"] = round(pairs / rate / 3600, 2) if rate else None
    return found


def _read_config(reference: str) -> tuple[str | None, Any]:
    """(folder or Hub id for the tokenizer, configuration) of a model or of a bare config.json."""
    from transformers import AutoConfig

    path = Path(reference).expanduser()
    with explain_loading(reference):
        if (path / "config.json").is_file():
            return str(path), AutoConfig.from_pretrained(str(path))
        resolved = resolve(reference)
        found = AutoConfig.from_pretrained(resolved.path, **resolved.arguments())
    return resolved.path, found


def _measure_lengths(
    data: Data, recipe: Recipe, architecture: Architecture, folder: str | None
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], int, str, Reading]:
    """Prompt and target tokens of the first pairs, all pairs, how tokens were counted, the rows."""
    reading = Reading()
    rows = read_rows(data.reference, "train", data.config, reading)
    columns = recipe.columns(data.columns)
    stream = read_pairs(rows, columns, data.reference, reading, recipe.definitions)
    sample = list(islice(stream, SAMPLE))
    if not sample:
        raise reading.nothing(data.reference, "training pair", data.columns.where)
    count = len(sample) + sum(1 for _ in stream)
    form = PromptFormat.default(architecture, control=recipe.control, tasks=recipe.definitions)
    if recipe.syntax:
        form = fit_syntax(form, recipe.syntax)
        sample = list(add_trees(sample, recipe.syntax, Shown()))
    prompts = [
        form.render(p.source, p.control if form.control else p.task, p.syntax) for p in sample
    ]
    targets = [pair.target for pair in sample]
    sizes = _tokenise(folder, prompts, targets)
    how = "by its tokenizer"
    if sizes is None:
        how = f"at {CHARACTERS_A_TOKEN} characters each (it has no tokenizer)"
        sizes = tuple([len(t) / CHARACTERS_A_TOKEN for t in texts] for texts in (prompts, targets))
    assert sizes is not None
    ends = (recipe.max_source_tokens, recipe.max_target_tokens)
    first, second = (np.clip(np.asarray(s) + 1, 1, end) for s, end in zip(sizes, ends, strict=True))
    return first, second, count, how, reading


def _tokenise(folder: str | None, *texts: list[str]) -> tuple[list[float], ...] | None:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        return tuple([float(len(i)) for i in tokenizer(list(t))["input_ids"]] for t in texts)
    except Exception:  # a bare config.json: whatever the library says, there is no tokenizer
        return None


def _make_model(config: Any, architecture: Architecture, recipe: Recipe, half: bool) -> Any:
    """The model as it would be trained, with random weights, on the device of the context."""
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    kind = AutoModelForSeq2SeqLM if architecture == "seq2seq" else AutoModelForCausalLM
    frozen_half = half and recipe.lora_rank is not None
    model = kind.from_config(config, dtype=torch.bfloat16 if frozen_half else torch.float32)
    make_head_contiguous(model)
    if recipe.lora_rank:
        model = add_lora(model, architecture, recipe)
    if recipe.gradient_checkpointing:
        model.gradient_checkpointing_enable()
    return model.train()


def _plan_teacher(objective: GKD, recipe: Recipe, half: bool) -> tuple[int, dict[str, Any]]:
    """Bytes of the teacher's weights and of a chunk of its logits, and what the plan says of it."""
    config = _read_config(objective.teacher)[1]
    architecture = read_architecture(config, objective.teacher, "teacher")
    frozen = recipe.model_copy(update={"lora_rank": None, "gradient_checkpointing": False})
    with torch.device("meta"):
        model = _make_model(config, architecture, frozen, False)
    parameters = sum(p.numel() for p in model.parameters())
    chunk = 4 * 4 * CHUNK_ELEMENTS if objective.needs_logits else 0  # float32, some at a time
    return parameters * (2 if half else 4) + chunk, {
        "reference": make_public_name(objective.teacher),
        "parameters": parameters,
        "on_policy": objective.on_policy,
    }


def _add_teacher(
    measured: dict[str, Any],
    config: Any,
    architecture: Architecture,
    recipe: Recipe,
    half: bool,
    device: torch.device,
    lengths: tuple[int, int],
) -> None:
    """Add what the teacher's part of a step takes: its forward passes, and the student's sampling.

    Sampling is timed with as many tokens as a target usually has.
    """
    objective = recipe.objective
    assert isinstance(objective, GKD)
    frozen = recipe.model_copy(update={"lora_rank": None, "gradient_checkpointing": False})
    passes, more = recipe.batch_size // recipe.micro_batch, {}
    theirs = _read_config(objective.teacher)[1]
    with torch.device(device):
        teacher = _make_model(theirs, architecture, frozen, half).eval()
        batch = _make_batch(teacher, architecture, recipe.micro_batch, lengths, theirs, str(device))
        if objective.needs_logits:
            with torch.no_grad():
                teacher(**batch, use_cache=False)
                more["teacher_seconds"] = passes * _time(
                    lambda: teacher(**batch, use_cache=False), device
                )
        if objective.samples_own:
            student = _make_model(config, architecture, frozen, half).eval()
            prompts = batch["input_ids"][:, : lengths[0]]
            settings = {"max_new_tokens": lengths[1], "min_new_tokens": lengths[1]}
            with torch.inference_mode():
                one = _time(
                    lambda: student.generate(
                        input_ids=prompts,
                        attention_mask=torch.ones_like(prompts),
                        do_sample=True,
                        pad_token_id=0,
                        **settings,
                    ),
                    device,
                )
            more["sampling_seconds"] = _count_samples(objective) * passes * one
    seconds = measured["seconds_a_step"] + sum(more.values())
    measured |= {name: round(value, 3) for name, value in more.items()}
    measured |= {
        "seconds_a_step": round(seconds, 3),
        "pairs_a_second": round(recipe.batch_size / seconds, 2),
        "tokens_a_second": round(recipe.batch_size * sum(lengths) / seconds, 1),
    }


def _count_samples(objective: GKD) -> float:
    """How many outputs the student samples for a row of a batch."""
    share = 1.0 if objective.weights.pass_rate is not None else objective.on_policy
    return share * (1 if objective.reward is None else objective.reward.samples)


def _count_bytes(model: Any) -> int:
    return sum(p.numel() * p.element_size() for p in model.parameters())


def _make_batch(
    model: Any,
    architecture: Architecture,
    rows: int,
    lengths: tuple[int, int],
    config: Any,
    device: str,
) -> dict[str, Any]:
    """A batch of random tokens as training has it: `rows` prompts and targets of some lengths."""
    vocabulary = config.get_text_config().vocab_size
    prompt, target = lengths
    if architecture == "seq2seq":
        ids = torch.randint(vocabulary, (rows, prompt), device=device)
        return {
            "input_ids": ids,
            "labels": torch.randint(vocabulary, (rows, target), device=device),
        }
    ids = torch.randint(vocabulary, (rows, prompt + target), device=device)
    if _keeps_logits(model):
        labels = ids[:, prompt - 1 :].clone()
        labels[:, 0] = IGNORED
        return {"input_ids": ids, "labels": labels, "logits_to_keep": target + 1}
    labels = ids.clone()
    labels[:, :prompt] = IGNORED
    return {"input_ids": ids, "labels": labels}


def _keeps_logits(model: Any) -> bool:
    """Whether the model's head can be made to read only a row's last positions."""
    plain = model.get_base_model() if hasattr(model, "peft_config") else model
    return "logits_to_keep" in inspect.signature(plain.forward).parameters


def _measure_activations(
    model: Any,
    architecture: Architecture,
    rows: int,
    lengths: tuple[int, int],
    config: Any,
    half: bool,
) -> int:
    """Bytes that one forward pass keeps for the backward pass, counted without computing.

    Every tensor that autograd saves is counted once by its storage, the weights aside; under
    half precision a float32 one counts half, as autocast would keep it.
    """
    weights = {p.untyped_storage()._cdata for p in model.parameters()}
    storages: dict[int, tuple[Any, int]] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            size = storage.nbytes() // (2 if half and tensor.dtype == torch.float32 else 1)
            storages[storage._cdata] = (storage, size)
        return tensor

    batch = _make_batch(model, architecture, rows, lengths, config, "meta")
    if architecture == "causal":  # a mask of four dimensions is taken as it is, nothing is asked
        width = batch["input_ids"].shape[1]
        shape = (rows, 1, width, width)
        batch["attention_mask"] = torch.ones(shape, dtype=torch.bool, device="meta")
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = model(**batch, use_cache=False).loss
    found = sum(size for _, size in storages.values())
    del loss
    return found


def _measure(
    config: Any,
    architecture: Architecture,
    recipe: Recipe,
    half: bool,
    device: torch.device,
    lengths: tuple[int, int],
    steps: int,
) -> dict[str, Any]:
    """Speed of a few steps on random weights, after one that is not timed."""
    with torch.device(device):
        model = _make_model(config, architecture, recipe, half)
    use_explicit_attention(model, device)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-5)
    autocast: Any = (
        torch.autocast(device.type, dtype=torch.bfloat16) if half else contextlib.nullcontext()
    )
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    passes = recipe.batch_size // recipe.micro_batch
    batch = _make_batch(model, architecture, recipe.micro_batch, lengths, config, str(device))

    def forth_and_back() -> None:
        with autocast:
            loss = model(**batch, use_cache=False).loss
        torch.autograd.backward(loss)

    def update() -> None:
        optimiser.step()
        optimiser.zero_grad()

    seconds = []
    for _ in range(steps + 1):
        # The passes of a step are alike, so one is timed for all.
        seconds.append(passes * _time(forth_and_back, device) + _time(update, device))
    peak = torch.cuda.max_memory_allocated() / GIB if device.type == "cuda" else None
    usual = float(np.median(seconds[1:]))
    return {
        "device": device.type,
        "precision": "bfloat16" if half else "float32",
        "steps": steps,
        "seconds_a_step": round(usual, 3),
        "pairs_a_second": round(recipe.batch_size / usual, 2),
        "tokens_a_second": round(recipe.batch_size * sum(lengths) / usual, 1),
        "peak_memory_gib": None if peak is None else round(peak, 3),
    }


def _time(call: Callable[[], None], device: torch.device) -> float:
    began = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _find_free_memory(device: torch.device) -> int | None:
    """Bytes that the device, or the machine, has to give; None where nobody says.

    Linux reports what it would give with the files that it holds in memory dropped; what lies idle
    is a small part of that.
    """
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    with contextlib.suppress(OSError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found = dict(line.split(":", 1) for line in lines)
        if "MemAvailable" in found:
            return int(found["MemAvailable"].split()[0]) * 1024
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None
