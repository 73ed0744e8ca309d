"""What a training is said to take, by this project's plan and by accelerate, and what a step takes.

Both estimates are counted without weights; the step is made with random weights at the lengths that
the plan counts activations for, in a process of its own whose peak is read from /proc.

    python scripts/bench/memory_plan.py pairs.jsonl --set lora_rank=16 --set micro_batch=4
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

GIB = 2**30


def read_memory(what: str) -> int:
    """Bytes of a line of this process's status."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:"))


def take_steps(
    config: Any, architecture: Any, recipe: Any, lengths: tuple[int, int], steps: int
) -> float:
    """GiB that the model and its steps take at most, above what the process has before."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        import torch

        from dimsum.cpu import use_explicit_attention
        from dimsum.training.plan import _make_batch, _make_model

        before = read_memory("VmRSS")
        model = _make_model(config, architecture, recipe, half=False)
        use_explicit_attention(model, torch.device("cpu"))
        optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-5)
        batch = _make_batch(model, architecture, recipe.micro_batch, lengths, config, "cpu")
        for _ in range(steps):
            torch.autograd.backward(model(**batch, use_cache=False).loss)
            optimiser.step()
            optimiser.zero_grad()
        os.write(writing, str((read_memory("VmHWM") - before) / GIB).encode())
        os._exit(0)
    os.wait()
    return float(os.read(reading, 100))


def main() -> None:
    """Print the three as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="pairs of a corpus, as for dimsum train")
    parser.add_argument("--recipe", default="embedded")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--steps", type=int, default=2)
    asked = parser.parse_args()

    import numpy as np
    import torch
    from accelerate.commands.estimate import estimate_training_usage
    from accelerate.utils import calculate_maximum_sizes

    from dimsum.pairs import Data
    from dimsum.training.plan import _make_model, _measure_lengths, _read_config, plan
    from dimsum.training.recipe import load_recipe

    recipe = load_recipe(asked.recipe, [*asked.overrides, "precision=float32"])
    data = Data(asked.data)
    said = plan(data, recipe, device="cpu", steps=0)
    folder, config = _read_config(recipe.student)
    prompts, targets, *_ = _measure_lengths(data, recipe, said["architecture"], folder)
    longest = (int(np.percentile(prompts, 95)), int(np.percentile(targets, 95)))
    bare = recipe.model_copy(update={"lora_rank": None})
    with torch.device("meta"):
        size = calculate_maximum_sizes(_make_model(config, said["architecture"], bare, half=False))[
            0
        ]
    theirs = max(estimate_training_usage(size, "float32").values()) / GIB
    taken = take_steps(config, said["architecture"], recipe, longest, asked.steps)
    print(
        json.dumps(
            {
                "student": said["student"],
                "trainable": said["trainable"],
                "tokens": longest,
                "micro_batch": recipe.micro_batch,
                "plan_gib": said["memory_gib"]["total"],
                "accelerate_gib": round(theirs, 3),
                "measured_gib": round(taken, 3),
            }
        )
    )


if __name__ == "__main__":
    main()
