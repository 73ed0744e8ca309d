"""docs/experiments/distillation.md out of what distillation_toy.py and bench/gkd.py measured.

python scripts/reproduce/distillation.py --toy toy.json --step gkd.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from cards.escape import Markdown
from cards.tables import table
from dimsum.files import write_text

PAGE = Path(__file__).parents[2] / "docs" / "experiments" / "distillation.md"


def page(toy: Any, step: Any | None) -> str:
    parts = [
        "# Distillation",
        "Written by `scripts/reproduce/distillation.py` from what "
        "`scripts/reproduce/distillation_toy.py` "
        + ("and `scripts/bench/gkd.py` " if step else "")
        + "measured. What the "
        "objectives are says [distillation.md](../distillation.md). How students of text compare "
        "under these objectives was not measured yet.",
        "## A toy whose answer is known",
        f"Distributions over {toy['classes']:,} classes. A student that can be anything ends at "
        "its teacher under every divergence (scaled, nats):",
        table(
            ["beta", "at the start", "at the end", "largest error of a probability"],
            [
                [beta, f"{row['start']:.3f}", f"{row['end']:.1e}", f"{row['largest_error']:.1e}"]
                for beta, row in toy["reached"].items()
            ],
        ),
        "A student that is one bell and a teacher that is two, around 300 (60% of its mass) and "
        f"700, each with a standard deviation of 30; together they have the mean "
        f"{toy['teacher']['mean']:.1f} and the standard deviation {toy['teacher']['sd']:.1f}. The "
        "best bell found from three beginnings:",
        table(
            ["beta", "divergence", "mean", "standard deviation"],
            [
                [beta, f"{row['divergence']:.4f}", f"{row['mean']:.1f}", f"{row['sd']:.1f}"]
                for beta, row in toy["bells"].items()
            ],
        ),
        "At 0 (forward KL) it covers both and has their moments; at 1 (reverse KL) it takes the "
        "larger one, and its divergence is -ln 0.6.",
        "Exposure: sequences of two tokens. The second follows the first by a curve that the "
        "student can only follow by a straight line; the student's first tokens lie elsewhere "
        "than the teacher's. Forward KL of the second token where the student itself goes, mean "
        f"and 95% bootstrap interval over {toy['seeds']} seeds:",
        table(
            ["trained on", "forward KL"],
            [
                [name, spread(toy["exposure"][key])]
                for name, key in (
                    ("the teacher's sequences (lambda 0)", "off_policy"),
                    ("half of each (lambda 0.5)", "half"),
                    ("its own sequences (lambda 1)", "on_policy"),
                    ("difference of the first to the last, by seed", "gain"),
                )
            ],
        ),
        "The toy is made so that the student cannot be right everywhere: it shows what on-policy "
        "sequences are for, and not how much they bring on text.",
    ]
    if step is not None:
        parts += ["## A step beside TRL's", beside(step)]
    return "\n\n".join(parts) + "\n"


def beside(step: Any) -> str:
    wanted, low, middle, high = step["of"], *step["trl_over_ours"]
    return "\n\n".join(
        [
            f"Loss and gradient of {wanted['rows']} rows of {wanted['prompt']} prompt and "
            f"{wanted['target']} target tokens by TRL {wanted['trl']}'s `GKDTrainer.compute_loss` "
            f"and here; `{wanted['teacher']}` is the teacher, {wanted['layers']} of its layers the "
            f"student, beta {wanted['beta']}, float32 on a CPU, by turns {wanted['rounds']} times.",
            table(
                ["", "here", "TRL"],
                [
                    ["loss", *(f"{step['loss'][side]:.7f}" for side in ("ours", "trl"))],
                    [
                        "processor seconds",
                        *(f"{step['processor_seconds'][s]:.2f}" for s in ("ours", "trl")),
                    ],
                    [
                        "peak above the models, GiB",
                        *(f"{step['peak_gib_above_the_models'][s]:.3f}" for s in ("ours", "trl")),
                    ],
                ],
            ),
            f"The losses are {step['losses_apart']:.1e} apart, the gradients "
            f"{step['gradients_apart']:.1e} of their norm. TRL's step takes {middle:.2f} times as "
            f"long (from {low:.2f} to {high:.2f}). Both heads read target positions only here.",
        ]
    )


def spread(found: Any) -> str:
    return Markdown(f"{found['mean']:.3f} [{found['low']:.3f}, {found['high']:.3f}]")


def main(texts: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--toy", type=Path, required=True)
    parser.add_argument("--step", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=PAGE)
    wanted = parser.parse_args(texts)
    documents = [
        json.loads(path.read_text(encoding="utf-8")) if path else None
        for path in (wanted.toy, wanted.step)
    ]
    write_text(wanted.output, page(*documents))
    print(wanted.output)


if __name__ == "__main__":
    main()
