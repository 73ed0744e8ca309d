"""Write docs/experiments/validity.md from readings of builds.

    cd docs/experiments
    python ../../scripts/reproduce/validity_page.py validity.jsonl validity.json

A line of the readings is a released pair of a build with the answers of its readers; the JSON says
what each build was, and has the counts of a release that was read before.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from builder.audit.agreement import measure_alpha
from builder.audit.intervals import clopper_pearson
from cards.tables import format_table

Row = dict[str, Any]
QUESTIONS = ("valid", "faithful", "fluent", "main_point")
THRESHOLDS = (0.6, 0.65, 0.7, 0.75, 0.8)
SHOWN = 10


def has_all(row: Row, question: str) -> bool:
    """Whether every reader says yes."""
    return all(reader[question] for reader in row["readers"])


def format_share(rows: Sequence[Row], question: str) -> str:
    """Share of rows with its 95% interval."""
    yes = sum(has_all(row, question) for row in rows)
    low, high = clopper_pearson(yes, len(rows))
    return f"{yes / len(rows):.0%} ({low:.0%} to {high:.0%})"


def describe_agreement(rows: Sequence[Row]) -> str:
    """How far two readers agree, in a sentence."""
    if any(len(row["readers"]) != 2 for row in rows):
        return "One reader read them, so there is no agreement to state."
    found = []
    for question in QUESTIONS:
        value = measure_alpha(
            [[float(reader[question]) for reader in row["readers"]] for row in rows]
        ).value
        found.append(f"{question.replace('_', ' ')} {'-' if value is None else f'{value:.2f}'}")
    return f"Agreement of the readers (Krippendorff's alpha): {', '.join(found)}."


def format_ladder(earlier: Iterable[Row], builds: dict[str, list[Row]], about: Row) -> str:
    """What each way to choose pairs released, and what its readers said."""
    lines: list[list[Any]] = []
    for one in earlier:
        cells = []
        for question in ("valid", "faithful"):
            low, high = clopper_pearson(one[question], one["released"])
            cells.append(f"{one[question] / one['released']:.0%} ({low:.0%} to {high:.0%})")
        lines.append([one["way"], one["readers"], one["released"], one["valid"], *cells])
    for name, rows in builds.items():
        parts = {"": rows}
        of_preset = [row for row in rows if row["preset"]]
        if len(of_preset) < len(rows):
            parts[", the preset's rules"] = of_preset
        tasks = {row["task"] for row in rows}
        for task in sorted(tasks, reverse=True) if len(tasks) > 1 else ():
            of_task = [row for row in rows if row["task"] == task]
            if len(of_task) >= SHOWN:
                parts[f", {task}"] = of_task
        for which, some in parts.items():
            valid = sum(has_all(row, "valid") for row in some)
            shares = [format_share(some, question) for question in ("valid", "faithful")]
            readers = str(len(some[0]["readers"]))
            lines.append([about[name]["way"] + which, readers, len(some), valid, *shares])
    head = ["build", "readers", "pairs", "valid by all", "share valid", "share faithful"]
    return format_table(head, lines, "lr")


def format_thresholds(rows: Sequence[Row]) -> str:
    """What a stricter rule on `validity` would have released."""
    lines = []
    for least in THRESHOLDS:
        kept = [row for row in rows if row["validity"] >= least]
        if len(kept) == len(rows) and lines:
            lines.clear()  # the rule was at least as strict
        predicted = sum(row["validity"] for row in kept) / len(kept)
        valid = sum(has_all(row, "valid") for row in kept)
        lines.append([least, len(kept), valid, format_share(kept, "valid"), f"{predicted:.0%}"])
    head = ["validity at least", "pairs", "valid by all", "share valid", "predicted"]
    return format_table(head, lines, "r")


def format_objections(rows: Sequence[Row]) -> str:
    """What the readers object to, by the questions that any of them denied."""
    found: Counter[str] = Counter()
    for row in rows:
        if not has_all(row, "valid"):
            denied = [q for q in QUESTIONS[1:] if not has_all(row, q)]
            found[" and ".join(f"not {q.replace('_', ' ')}" for q in denied) or "source"] += 1
    named = {"source": "the source makes no sense, or other doubts"}
    return format_table(
        ["why not", "pairs"], [[named.get(k, k), n] for k, n in found.most_common()], "lr"
    )


def format_unselected(rows: Sequence[Row]) -> str:
    """Ten pairs drawn by chance, with the readers' answers."""
    lines = []
    for row in random.Random(0).sample(list(rows), SHOWN):
        said = "".join("+" if reader["valid"] else "-" for reader in row["readers"])
        notes = "; ".join(reader["note"] for reader in row["readers"] if reader["note"])
        lines.append([row["source"], row["target"], said, notes])
    return format_table(["source", "target", "valid", "notes"], lines, "l")


def format_page(readings: Sequence[Row], about: Row) -> str:
    """The page."""
    builds: dict[str, list[Row]] = {}
    for row in readings:
        builds.setdefault(row["build"], []).append(row)
    parts = [
        "# Valid pairs of the embedded preset",
        "Written by `scripts/reproduce/validity_page.py` from "
        "[the readings](validity.jsonl) and [what the builds were](validity.json).",
        "Every released pair of a build, or as many as its line says were drawn, was read by "
        "readers, language models that knew neither "
        "scores nor each other's answers, under [the guideline](../../builder/audit/guideline.md). "
        "A pair counts as valid where all of them say so. Intervals are Clopper-Pearson at 95%. "
        "No pair of these builds was used in the fit.",
        format_ladder(about["earlier"], builds, about["builds"]),
        *about["notes"],
    ]
    for name, rows in builds.items():
        parts += [
            f"## {about['builds'][name]['way']}",
            describe_agreement(rows),
            "Summaries, were the rule on `validity` another one:",
            format_thresholds([row for row in rows if row["task"] == "summary"]),
            "What the readers object to:",
            format_objections(rows),
            f"{SHOWN} pairs, unselected; a + or - for each reader:",
            format_unselected(rows),
        ]
    return "\n\n".join(map(str, parts)) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("readings", type=Path)
    parser.add_argument("about", type=Path)
    parser.add_argument("--output", type=Path, default=Path("validity.md"))
    asked = parser.parse_args()
    lines = asked.readings.read_text("utf-8").splitlines()
    about = json.loads(asked.about.read_text("utf-8"))
    asked.output.write_text(format_page([json.loads(line) for line in lines], about), "utf-8")


if __name__ == "__main__":
    main()
