"""What packing a model's weights once saves, and whether it changes what comes out.

The teacher samples and the critic scores, each with plain and with packed weights by turns in one
process, so that other work on the machine slows both alike. Printed are the ratio plain/packed of
the seconds of each pair of turns (median, least, most) and whether both sides gave the same. On a
busy machine `--clock cpu --threads 1` counts the processor's time instead.

    python scripts/bench/prepacked.py --rounds 5
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

OPENINGS = (
    "PARIS (Reuters) -- The council of the small town said on Monday that",
    "LONDON (Reuters) -- Doctors who followed four thousand patients for ten years found that",
)
SENTENCES = (
    "The company said on Friday that it had cut 200 jobs at its plant in the north.",
    "The company cut 200 jobs.",
    "A court in the capital rejected the appeal of the former minister on Tuesday.",
    "The former minister lost his appeal.",
    "Doctors found that patients who walked every day slept better than others.",
    "Walking every day is good for sleep, doctors say.",
)


def compare(
    plain: Callable[[], Any],
    packed: Callable[[], Any],
    rounds: int,
    clock: Callable[[], float],
) -> dict[str, Any]:
    """Seconds of both sides by turns, after one turn of each that is not timed."""
    first = (plain(), packed())
    ratios, seconds = [], []
    for number in range(rounds):
        taken = {}
        sides = [("plain", plain), ("packed", packed)]
        for name, side in sides if number % 2 == 0 else sides[::-1]:
            began = clock()
            side()
            taken[name] = clock() - began
        ratios.append(taken["plain"] / taken["packed"])
        seconds.append(taken)
    return {
        "plain_over_packed": round(statistics.median(ratios), 3),
        "least": round(min(ratios), 3),
        "most": round(max(ratios), 3),
        "plain_seconds": round(statistics.median(s["plain"] for s in seconds), 2),
        "packed_seconds": round(statistics.median(s["packed"] for s in seconds), 2),
        "same_output": first[0] == first[1],
    }


def open_teacher(packed: bool, dtype: Any, tokens: int) -> Callable[[], Any]:
    from builder.decoding.nucleus import NucleusSampler, SamplingConfig
    from builder.models import load_causal
    from builder.prepacking import prepack

    loaded = load_causal("embedded:smollm2-135m", device="cpu", dtype=dtype)
    if packed:
        prepack(loaded.model)
    how = SamplingConfig(temperature=0.7, top_p=0.9, max_new_tokens=tokens, stop="length")
    sampler = NucleusSampler(loaded.model, loaded.tokenizer, how)
    return lambda: [sample.text for sample in sampler.sample(OPENINGS, 50, seed=0)]


def open_critic(packed: bool, dtype: Any, tokens: int) -> Callable[[], Any]:
    from builder.config import CriticConfig
    from builder.critics.entailment import EntailmentCritic

    wanted = CriticConfig(
        model="embedded:critic",
        device="cpu",
        dtype=dtype,
        batch_tokens=tokens,
        prepacked="on" if packed else "off",
    )
    loaded = EntailmentCritic.load(wanted)
    pairs = [(a, b) for a in SENTENCES for b in SENTENCES if a != b]
    return lambda: loaded.score(pairs).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--tokens", type=int, default=24, help="that the teacher decodes")
    parser.add_argument("--batch-tokens", type=int, default=1024, help="of the critic")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    arguments = parser.parse_args()

    import torch

    torch.set_num_threads(arguments.threads)
    clock = time.process_time if arguments.clock == "cpu" else time.perf_counter
    for make, tokens in ((open_teacher, arguments.tokens), (open_critic, arguments.batch_tokens)):
        sides = (make(packed, arguments.dtype, tokens) for packed in (False, True))
        found = compare(*sides, arguments.rounds, clock)
        print(json.dumps({make.__name__: found}), flush=True)


if __name__ == "__main__":
    main()
