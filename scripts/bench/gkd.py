"""A step of distillation here against that of TRL's GKD trainer: time, memory, loss and gradient.

    PYTHONPATH=. VENV_WITH_TRL/bin/python scripts/bench/gkd.py --work DIR --rounds 5 > gkd.json

One causal pair, a teacher and the same model with some of its layers as the student, and one batch
of prompts and targets of given lengths. Both sides compute the loss of the batch and its gradient,
by turns in one process; peak memory is that of a process of its own for each. The divergence is
the paper's as printed, which both know.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from dimsum.cpu import use_explicit_attention
from dimsum.models import make_public_name
from dimsum.objectives.divergence import divergence
from dimsum.objectives.settings import GKD
from dimsum.student import Student
from dimsum.training.examples import IGNORED
from dimsum.training.shrink import shrink
from dimsum.training.target_positions import find_target_logits, split_inputs
from dimsum.training.teacher import Teacher, count_vocabulary

Step = Callable[[], float]


def parse_arguments(texts: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--teacher", default="embedded:smollm2-135m")
    parser.add_argument("--work", type=Path, required=True, help="folder of the smaller student")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--prompt", type=int, default=96, help="tokens of a prompt")
    parser.add_argument("--target", type=int, default=32, help="tokens of a target")
    parser.add_argument("--beta", type=float, default=0.5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["ours", "trl"], help="one step, for its peak memory")
    return parser.parse_args(texts)


def make_steps(wanted: argparse.Namespace) -> tuple[dict[str, Step], Any]:
    """The step of each side, and the student whose gradients they leave."""
    device = torch.device("cpu")
    folder = wanted.work / f"layers-{wanted.layers}"
    if not folder.is_dir():
        shrink(wanted.teacher, folder, wanted.layers)
    student = Student.from_pretrained(folder, device="cpu", dtype="float32")
    use_explicit_attention(student.model, device)
    student.model.train()
    settings = {"teacher": wanted.teacher, "beta": wanted.beta, "normalisation": "printed"}
    teacher = Teacher.load(GKD.model_validate({**settings, "lambda": 0}), device, "float32")
    vocabulary = count_vocabulary(student.tokenizer)
    torch.manual_seed(0)
    ids = torch.randint(vocabulary, (wanted.rows, wanted.prompt + wanted.target))
    labels = ids.clone()
    labels[:, : wanted.prompt] = IGNORED
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}

    def ours() -> float:
        student.model.zero_grad()
        given, mask = split_inputs(student.model, batch)
        theirs = teacher.logits_at(given, mask)
        logits = find_target_logits(student.model, given, mask)
        losses = divergence(
            theirs, logits, beta=wanted.beta, normalisation="printed", vocabulary=vocabulary
        )
        loss = losses.mean()
        loss.backward()
        return loss.item()

    from trl.experimental.gkd import GKDTrainer  # its import is no part of a step

    def trl() -> float:
        student.model.zero_grad()
        stub = SimpleNamespace(
            teacher_model=teacher.model,
            beta=wanted.beta,
            generalized_jsd_loss=GKDTrainer.generalized_jsd_loss,
        )
        count = (labels != IGNORED).sum()
        loss = GKDTrainer.compute_loss(stub, student.model, batch, num_items_in_batch=count)
        loss.backward()
        return float(loss.item())

    return {"ours": ours, "trl": trl}, student.model


def read_memory(name: str) -> float:
    """GiB that this process holds (VmRSS), or held at most (VmHWM), as Linux counts them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(f"{name}:")]
    return int(line.split()[1]) / 2**20


def measure_peak(side: str, texts: list[str]) -> float:
    """GiB that a process holds at most that takes one step."""
    words = [sys.executable, __file__, *texts, "--only", side]
    found = subprocess.run(words, capture_output=True, text=True, check=True)
    return float(found.stdout.strip().splitlines()[-1])


def main(texts: list[str] | None = None) -> None:
    texts = sys.argv[1:] if texts is None else texts
    wanted = parse_arguments(texts)
    steps, model = make_steps(wanted)
    if wanted.only:
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = read_memory("VmRSS")
        steps[wanted.only]()
        print(read_memory("VmHWM") - before)
        return
    losses, gradients = {}, {}
    for name, step in steps.items():
        losses[name] = step()
        gradients[name] = torch.cat([p.grad.flatten() for p in model.parameters()])
    apart = (gradients["ours"] - gradients["trl"]).norm() / gradients["trl"].norm()
    del gradients
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(wanted.rounds):
        for name in list(steps) if number % 2 == 0 else list(steps)[::-1]:
            began = time.process_time()
            steps[name]()
            seconds[name].append(time.process_time() - began)
    ratios = [a / b for a, b in zip(seconds["trl"], seconds["ours"], strict=True)]
    found = {
        "of": {
            "teacher": make_public_name(wanted.teacher),
            "trl": version("trl"),
            **{k: v for k, v in vars(wanted).items() if isinstance(v, int | float)},
        },
        "loss": losses,
        "losses_apart": abs(losses["ours"] - losses["trl"]),
        "gradients_apart": apart.item(),
        "processor_seconds": {k: round(statistics.median(v), 3) for k, v in seconds.items()},
        "trl_over_ours": [round(f(ratios), 3) for f in (min, statistics.median, max)],
        "peak_gib_above_the_models": {side: round(measure_peak(side, texts), 3) for side in steps},
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
