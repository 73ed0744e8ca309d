"""What the divergences do where the answer is known: a toy of 1,000 classes.

    python scripts/reproduce/distillation_toy.py -o toy.json

1. A student that can be anything: every divergence ends at the teacher.
2. A student that is one bell, a teacher that is two: the forward KL covers both (its optimum has
   the mean and variance of the teacher), the reverse KL takes one.
3. Two tokens, the second by a rule that the student can only follow in part, the first somewhere
   else than the teacher has it: a student trained on the teacher's sequences against one trained on
   its own, both judged on what the student itself would write (exposure).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dimsum.files import write_json
from dimsum.objectives.divergence import divergence_of_log_probabilities

CLASSES = 1000
BETAS = (0.0, 0.1, 0.5, 0.9, 1.0)
PLACES = torch.arange(CLASSES, dtype=torch.float64)
STEPS, SAMPLES = 300, 32


def make_bell(mean: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """Log-probabilities of a discretised normal distribution, shape (..., CLASSES)."""
    z = (PLACES - mean[..., None]) / spread[..., None]
    return torch.log_softmax(-z * z / 2, dim=-1)


def make_two_bells() -> torch.Tensor:
    parts = [make_bell(torch.tensor(float(mean)), torch.tensor(30.0)) for mean in (300, 700)]
    weights = torch.tensor([0.6, 0.4], dtype=torch.float64).log()
    return torch.logsumexp(torch.stack([w + p for w, p in zip(weights, parts, strict=True)]), 0)


def measure_moments(logs: torch.Tensor) -> tuple[float, float]:
    mean = (logs.exp() * PLACES).sum()
    variance = (logs.exp() * (PLACES - mean) ** 2).sum()
    return mean.item(), variance.sqrt().item()


def minimise(loss: Callable[[], torch.Tensor], parameters: list[torch.Tensor]) -> None:
    optimiser = torch.optim.LBFGS(
        parameters, max_iter=200, tolerance_grad=1e-8, tolerance_change=1e-12,
        history_size=20, line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        found = loss()
        found.backward()
        return found

    optimiser.step(closure)


def reach(beta: float) -> dict[str, float]:
    """A free student's divergence from its teacher at the end, and the largest error of a token."""
    chance = torch.Generator().manual_seed(0)
    teacher = (2 * torch.randn(CLASSES, dtype=torch.float64, generator=chance)).log_softmax(-1)
    logits = torch.zeros(CLASSES, dtype=torch.float64, requires_grad=True)
    start = divergence_of_log_probabilities(teacher, logits.log_softmax(-1), beta).item()
    minimise(
        lambda: divergence_of_log_probabilities(teacher, logits.log_softmax(-1), beta), [logits]
    )
    student = logits.detach().log_softmax(-1)
    return {
        "start": start,
        "end": divergence_of_log_probabilities(teacher, student, beta).item(),
        "largest_error": (student.exp() - teacher.exp()).abs().max().item(),
    }


def fit_bell(beta: float) -> dict[str, float]:
    """Mean and standard deviation of the best single bell, begun between the modes and beside."""
    teacher, best = make_two_bells(), (float("inf"), 0.0, 0.0)
    for begin in (450.0, 350.0, 650.0):
        mean = torch.tensor(begin / 100, dtype=torch.float64, requires_grad=True)
        width = torch.tensor(np.log(1.0), dtype=torch.float64, requires_grad=True)

        def loss(m: torch.Tensor = mean, w: torch.Tensor = width) -> torch.Tensor:
            return divergence_of_log_probabilities(teacher, make_bell(100 * m, 100 * w.exp()), beta)

        minimise(loss, [mean, width])
        value = loss().item()
        found = make_bell(100 * mean.detach(), 100 * width.detach().exp())
        best = min(best, (value, *measure_moments(found)))
    return {"divergence": best[0], "mean": best[1], "sd": best[2]}


def place_second(places: torch.Tensor) -> torch.Tensor:
    """Where the teacher's second token lies, by its first: no straight line."""
    return 500 + 300 * torch.sin(places / 150)


def expose(share: float, seed: int, beta: float = 0.0) -> float:
    """Divergence at the states that the student visits, after training on a share of its own.

    The student's first token is what it is: wider than the teacher's, and beside it. Its second is
    a bell around a straight line, which cannot follow the rule everywhere.
    """
    chance = np.random.default_rng(seed)
    theirs = make_bell(torch.tensor(350.0, dtype=torch.float64), torch.tensor(40.0)).exp().numpy()
    ours = make_bell(torch.tensor(500.0, dtype=torch.float64), torch.tensor(80.0)).exp().numpy()
    line = torch.tensor([5.0, 0.0], dtype=torch.float64, requires_grad=True)
    width = torch.tensor(60.0, dtype=torch.float64)

    def losses(places: torch.Tensor) -> torch.Tensor:
        teacher = make_bell(place_second(places), width.expand(len(places)))
        centre = 100 * (line[0] + line[1] * (places - 500) / 100)
        return divergence_of_log_probabilities(
            teacher, make_bell(centre, width.expand(len(places))), beta
        )

    optimiser = torch.optim.Adam([line], lr=0.1)
    for _ in range(STEPS):
        own = chance.random(SAMPLES) < share
        drawn = np.where(
            own,
            chance.choice(CLASSES, SAMPLES, p=ours),
            chance.choice(CLASSES, SAMPLES, p=theirs),
        )
        optimiser.zero_grad()
        losses(torch.from_numpy(drawn).double()).mean().backward()
        optimiser.step()
    with torch.no_grad():
        return float((torch.from_numpy(ours) * losses(PLACES)).sum())


def find_interval(values: list[float], seed: int = 0) -> dict[str, float]:
    """Mean with its 95% bootstrap interval over seeds.

    `bootstrap.draws` would give other intervals than those of the page.
    """
    chance = np.random.default_rng(seed)
    found = np.asarray(values)
    means = chance.choice(found, (2000, len(found))).mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {"mean": float(found.mean()), "low": float(low), "high": float(high)}


def measure(seeds: int) -> dict[str, Any]:
    off = [expose(0.0, seed) for seed in range(seeds)]
    half = [expose(0.5, seed) for seed in range(seeds)]
    own = [expose(1.0, seed) for seed in range(seeds)]
    return {
        "classes": CLASSES,
        "seeds": seeds,
        "reached": {str(beta): reach(beta) for beta in BETAS},
        "teacher": dict(zip(("mean", "sd"), measure_moments(make_two_bells()), strict=True)),
        "bells": {str(beta): fit_bell(beta) for beta in BETAS},
        "exposure": {
            "off_policy": find_interval(off),
            "half": find_interval(half),
            "on_policy": find_interval(own),
            "gain": find_interval([a - b for a, b in zip(off, own, strict=True)]),
        },
    }


def main(texts: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=10)
    wanted = parser.parse_args(texts)
    write_json(wanted.output, measure(wanted.seeds))
    print(json.dumps(json.loads(wanted.output.read_text(encoding="utf-8")), indent=1))


if __name__ == "__main__":
    main()
