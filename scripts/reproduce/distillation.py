"""docs/experiments/distillation.md out of what was measured.

    python scripts/reproduce/distillation.py --toy toy.json --step gkd.json --text text.json

The files come from distillation_toy.py, bench/gkd.py and distillation_text.py.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from cards.escape import Markdown
from cards.tables import format_table
from dimsum.files import write_text

PAGE = Path(__file__).parents[2] / "docs" / "experiments" / "distillation.md"


def format_page(toy: Any, step: Any | None, text: Any | None = None) -> str:
    parts = [
        "# Distillation",
        "Written by `scripts/reproduce/distillation.py` from what "
        "`scripts/reproduce/distillation_toy.py` "
        + ("and `scripts/bench/gkd.py` " if step else "")
        + ("and `scripts/reproduce/distillation_text.py` " if text else "")
        + "measured. What the objectives are says [distillation.md](../distillation.md)."
        + ("" if text else " How students of text compare under them was not measured yet."),
        "## A toy whose answer is known",
        f"Distributions over {toy['classes']:,} classes. A student that can be anything ends at "
        "its teacher under every divergence (scaled, nats):",
        format_table(
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
        format_table(
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
        format_table(
            ["trained on", "forward KL"],
            [
                [name, format_spread(toy["exposure"][key])]
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
        parts += ["## A step beside TRL's", compare_steps(step)]
    if text is not None:
        parts += ["## Students of text", describe_text(text)]
    return "\n\n".join(parts) + "\n"


def compare_steps(step: Any) -> str:
    wanted, low, middle, high = step["of"], *step["trl_over_ours"]
    return "\n\n".join(
        [
            "Loss and gradient, without sampling and without the optimiser, of "
            f"{wanted['rows']} rows of random tokens, {wanted['prompt']} of a prompt and "
            f"{wanted['target']} of a target, by TRL {wanted['trl']}'s `GKDTrainer.compute_loss` "
            f"and here; `{wanted['teacher']}` is the teacher, {wanted['layers']} of its layers the "
            f"student, beta {wanted['beta']}, float32 on a CPU, by turns {wanted['rounds']} times.",
            format_table(
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


COLUMNS = {
    "rougeL": "ROUGE-L",
    "entailment": "entailed by the source, %",
    "compression": "compression",
}
GOALS = {"ROUGE-L": 0.95, "speed": 1.6}
"""What the smaller student should have of its teacher's."""


def describe_text(text: Any) -> str:
    systems, of = text["systems"], text["of"]
    facts = {name: one["facts"] for name, one in systems.items()}
    rows = [
        [
            name,
            *(format_interval(one["metrics"][key]) for key in COLUMNS),
            f"{facts[name]['tokens_a_second']:.1f}",
            f"{facts[name]['parameters'] / 1e6:.1f}",
        ]
        for name, one in systems.items()
    ]
    tests = [
        [
            one["a"],
            one["b"],
            COLUMNS[one["metric"]],
            Markdown(f"{one['difference']:+.2f} [{one['low']:+.2f}, {one['high']:+.2f}]"),
            f"{one['p']:.3f}",
        ]
        for one in text["paired"]
        if one["a"].startswith("on-policy") and one["metric"] in ("rougeL", "entailment")
    ]
    steps = {name: one["steps"] for name, one in facts.items() if name not in ("teacher", "start")}
    return "\n\n".join(
        [
            f"The teacher is a student that was trained on the data before. Of its layers "
            f"{of['layers']} stay, those of the largest influence. What is left cannot write, so "
            "it first learns the teacher's distributions (supervised KD) on the "
            f"{of['written']:,} texts that the teacher wrote in a round of `dimsum distill`, "
            f"once, {facts['start']['steps']} steps of {of['batch']} at a learning rate of up to "
            f"{of['start_rate']:g} (`start`). From there on it is trained under each objective for "
            f"{max(steps.values())} steps of {of['batch']} of the data's pairs, at a learning "
            f"rate of {of['learning_rate']:g}. That is a small experiment. "
            f"All write greedily for the same {text['examples']} sources under "
            f"`{of['code']}`; the critic of the table gave no reward. Tokens are counted in a "
            "second of processor time.",
            format_table([*("", *COLUMNS.values()), "tokens/s", "parameters, millions"], rows),
            "Differences on the same sources, paired bootstrap:",
            format_table(["", "against", "in", "difference", "p"], tests),
            *list_verdicts(text),
        ]
    )


def list_verdicts(text: Any) -> list[str]:
    """What was to be reached, and whether it was."""
    systems = text["systems"]
    won = []
    for name in systems:
        chances = [
            one["p"]
            for one in text["paired"]
            if one["a"] == name
            and one["b"] in ("cross-entropy", "supervised KD")
            and one["metric"] in ("rougeL", "entailment")
        ]
        if name.startswith("on-policy") and len(chances) == 4 and max(chances) < 0.05:
            won.append(name)
    teacher = systems["teacher"]
    best = max(
        (name for name in systems if name not in ("teacher", "start")),
        key=lambda name: systems[name]["metrics"]["rougeL"]["value"],
    )
    ratio = systems[best]["metrics"]["rougeL"]["value"] / teacher["metrics"]["rougeL"]["value"]
    speed = systems[best]["facts"]["tokens_a_second"] / teacher["facts"]["tokens_a_second"]
    return [
        "Above cross-entropy and supervised KD in both, each at p < 0.05: "
        + (", ".join(won) if won else "none of the on-policy students")
        + ".",
        f"The best of the smaller students by ROUGE-L is `{best}`, with {ratio:.0%} of its "
        f"teacher's (wanted: {GOALS['ROUGE-L']:.0%}) at {speed:.2f} times its speed (wanted: "
        f"{GOALS['speed']:g}).",
    ]


def format_interval(found: Any) -> str:
    return Markdown(f"{found['value']:.2f} [{found['low']:.2f}, {found['high']:.2f}]")


def format_spread(found: Any) -> str:
    return Markdown(f"{found['mean']:.3f} [{found['low']:.3f}, {found['high']:.3f}]")


def main(texts: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--toy", type=Path, required=True)
    parser.add_argument("--step", type=Path)
    parser.add_argument("--text", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=PAGE)
    wanted = parser.parse_args(texts)
    documents = [
        json.loads(path.read_text(encoding="utf-8")) if path else None
        for path in (wanted.toy, wanted.step, wanted.text)
    ]
    write_text(wanted.output, format_page(*documents))
    print(wanted.output)


if __name__ == "__main__":
    main()
