"""A critic's training beside sentence-transformers' CrossEncoderTrainer, on the same examples.

Every side trains the recipe `critic-encoder` (its rate, warm-up, decay, batch and frozen word
embeddings) on the same examples in a process of its own, one after the other, and the round is
repeated. Seconds are from the base to the saved critic; memory is what the process had at most in
that time, above what it had before.

own-float32, own-bfloat16          dimsum critic train, computing in each; float32 weights are moved
library-float32, library-bfloat16  CrossEncoderTrainer over a model of that dtype

    pip install sentence-transformers
    python scripts/bench/critic_trainer.py snli_dev.jsonl.gz --examples 2048 --judged 1000
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

ARMS = ("own-float32", "library-float32", "own-bfloat16", "library-bfloat16")


def read_memory(what: str) -> float:
    """A line of this process's status in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{what}:"))


def measure(train: Callable[[], object]) -> dict[str, float]:
    """Seconds on the clock and of the processor, and MiB above those before."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before, clock, processor = read_memory("VmRSS"), time.perf_counter(), time.process_time()
    train()
    return {
        "seconds": time.perf_counter() - clock,
        "processor_seconds": time.process_time() - processor,
        "mib": read_memory("VmHWM") - before,
    }


def train_own(recipe: Any, examples: list[Any]) -> tuple[dict[str, float], Any, list[float]]:
    from builder.critics import training

    losses: list[float] = []
    training.REPORT_EVERY = 1
    trained: list[Any] = []
    with tempfile.TemporaryDirectory() as folder:
        found = measure(
            lambda: trained.append(
                training.train(
                    recipe, examples, Path(folder), lambda step: losses.append(step.loss)
                )
            )
        )
    return found, trained[0], losses


def train_library(recipe: Any, examples: list[Any]) -> tuple[dict[str, float], Any, list[float]]:
    import torch
    from datasets import Dataset
    from sentence_transformers import CrossEncoder
    from sentence_transformers.cross_encoder import (
        CrossEncoderTrainer,
        CrossEncoderTrainingArguments,
    )
    from sentence_transformers.cross_encoder.losses import CrossEntropyLoss

    from builder.critics.nli_data import LABELS
    from builder.critics.nli_model import NliModel
    from builder.critics.spec import CriticSpec
    from builder.models import resolve

    rows = Dataset.from_dict(
        {
            "premise": [example.premise for example in examples],
            "hypothesis": [example.hypothesis for example in examples],
            "label": [example.label for example in examples],
        }
    )
    trained: list[Any] = []

    def train(folder: str) -> None:
        torch.manual_seed(recipe.seed)
        model = CrossEncoder(
            resolve(recipe.base).path,
            num_labels=len(LABELS),
            max_length=recipe.max_tokens,
            device="cpu",
            model_kwargs={"dtype": recipe.dtype},
        )
        model.config.id2label = dict(enumerate(LABELS))
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = recipe.dropout
        model.model.get_input_embeddings().requires_grad_(False)
        arguments = CrossEncoderTrainingArguments(
            output_dir=folder,
            num_train_epochs=recipe.epochs,
            per_device_train_batch_size=recipe.batch_size,
            learning_rate=recipe.learning_rate,
            warmup_steps=recipe.warmup,
            weight_decay=0.01,
            seed=recipe.seed,
            use_cpu=True,
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        trainer = CrossEncoderTrainer(
            model=model, args=arguments, train_dataset=rows, loss=CrossEntropyLoss(model)
        )
        trainer.train()
        trainer.save_model(folder)
        trained.extend((model, trainer.state.log_history))

    with tempfile.TemporaryDirectory() as folder:
        found = measure(lambda: train(folder))
    model, log = trained
    spec = CriticSpec(base=recipe.base, template=None, max_tokens=recipe.max_tokens)
    critic = NliModel(model.model.eval(), model.tokenizer, spec)
    return found, critic, [float(entry["loss"]) for entry in log if "loss" in entry]


def run_arm(arm: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One training in this process, judged on examples that it has not seen."""
    import torch

    from builder.critics.nli_data import read_nli
    from builder.critics.recipe import load_recipe

    side, _, dtype = arm.partition("-")
    changes = {"seed": seed, "batch_size": options.batch, "dtype": dtype}
    recipe = load_recipe("critic-encoder", [f"{name}={value}" for name, value in changes.items()])
    examples = read_nli(options.data)
    random.Random(0).shuffle(examples)
    judged, taken = examples[: options.judged], examples[options.judged :][: options.examples]
    train = train_own if side == "own" else train_library
    found, critic, losses = train(recipe, taken)
    hits = 0
    with torch.inference_mode():
        for start in range(0, len(judged), 100):
            some = judged[start : start + 100]
            logits = critic.logits(critic.encode([(e.premise, e.hypothesis) for e in some]))
            hits += sum(
                int(guess) == e.label for guess, e in zip(logits.argmax(-1), some, strict=True)
            )
    last = losses[-max(1, len(losses) // 4) :]
    return {
        "arm": arm,
        "seed": seed,
        "steps": len(losses),
        **found,
        "loss": statistics.fmean(last),
        "accuracy": hits / len(judged),
    }


def fork(arm: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """`run_arm` in a process that has the libraries of this one and no memory of earlier sides."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with os.fdopen(writing, "w", encoding="utf-8") as pipe:
            pipe.write(json.dumps(run_arm(arm, seed, options)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        line = pipe.read()
    os.waitpid(child, 0)
    found: dict[str, Any] = json.loads(line)
    return found


def main() -> None:
    """Run the rounds and print a line of JSON a training, then the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="premise, hypothesis, label")
    parser.add_argument("--examples", type=int, default=2048, help="that are trained on")
    parser.add_argument("--judged", type=int, default=1000, help="that accuracy is taken of")
    parser.add_argument("--batch", type=int, default=64, help="examples of a step")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
    parser.add_argument("--rounds", type=int, default=3, help="each with a seed of its own")
    options = parser.parse_args()
    import sentence_transformers.cross_encoder  # noqa: F401

    runs = []
    for seed in range(options.rounds):
        for arm in options.arms:
            runs.append(fork(arm, seed, options))
            print(json.dumps(runs[-1]), flush=True)
    for arm in options.arms:
        own = [run for run in runs if run["arm"] == arm]
        names = ("seconds", "processor_seconds", "mib", "loss", "accuracy")
        medians = {name: round(statistics.median(run[name] for run in own), 3) for name in names}
        print(json.dumps({"median": arm, **medians}))


if __name__ == "__main__":
    main()
