"""The page that `tasks.py page` writes: builds of the further tasks, readings, students."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from validity_page import QUESTIONS, Row, has_all

from builder.audit.agreement import measure_alpha
from builder.audit.intervals import clopper_pearson
from cards.tables import format_table
from dimsum.tasks import task_of

METRICS = ("rougeL", "bertscore", "compression", "copy_rate")
"""What is shown of an evaluation, beside what its controls obeyed."""


def format_share(rows: Sequence[Row], question: str) -> str:
    yes = sum(has_all(row, question) for row in rows)
    low, high = clopper_pearson(yes, len(rows))
    return f"{yes} of {len(rows)}, {yes / len(rows):.0%} ({low:.0%} to {high:.0%})"


def format_agreement(rows: Sequence[Row], question: str) -> str:
    if not rows or any(len(row["readers"]) != 2 for row in rows):
        return "-"
    value = measure_alpha(
        [[float(reader[question]) for reader in row["readers"]] for row in rows]
    ).value
    return "-" if value is None else f"{value:.2f}"


def format_yields(runs: Iterable[Row]) -> str:
    """What went into each build and what came out."""
    lines = []
    for one in runs:
        entered = {step["stage"]: step["entered"] for step in one["funnel"]}
        kept = {step["stage"]: step["kept"] for step in one["funnel"]}
        pairs = ", ".join(f"{n} {name}" for name, n in one["pairs"].items())
        row = [one["name"], one["openings"], kept["contexts"], kept["candidates"]]
        row += [entered["pairs"], kept["pairs"], kept["scores"], kept["decisions"], pairs]
        lines.append([*row, f"{one['seconds'] / 60:.0f}"])
    head = ["build", "openings", "contexts", "candidates", "ordered pairs", "inside the bounds"]
    return format_table(
        [*head, "scored", "by the rules", "released", "minutes"], lines, "lrrrrrrrlr"
    )


def format_reasons(one: Row) -> str:
    """Why pairs went, from the bounds to the rules."""
    lines = []
    for step in one["funnel"]:
        if step["stage"] in ("pairs", "scores", "decisions", "duplicates"):
            for reason, count in list(step["rejected"].items())[:6]:
                lines.append([step["stage"], f"`{reason}`", count])
    return format_table(["stage", "reason", "pairs"], lines, "llr")


def format_precision(readings: Sequence[Row]) -> str:
    lines = []
    groups = {(row["build"], row["task"], row["system"]): [] for row in readings}
    for row in readings:
        groups[row["build"], row["task"], row["system"]].append(row)
    for (name, task, system), rows in groups.items():
        shares = [format_share(rows, question) for question in QUESTIONS]
        readers = len(rows[0]["readers"])
        lines.append([name, task, system, readers, *shares, format_agreement(rows, "valid")])
    head = ["build", "task", "written by", "readers", *(q.replace("_", " ") for q in QUESTIONS)]
    return format_table([*head, "agreement on valid"], lines, "lllr")


def format_shown(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        said = "".join("+" if reader["valid"] else "-" for reader in row["readers"])
        notes = "; ".join(r["note"] for r in row["readers"] if r["note"])
        lines.append([row["control"], row["source"], row["target"], said, notes])
    return format_table(["control", "source", "target", "valid", "notes"], lines, "l")


def format_evaluated(evaluations: Iterable[Row]) -> str:
    """Each student beside copy and lead, on held-out pairs of its build."""
    lines = []
    for one in evaluations:
        for system, values in one["systems"].items():
            cells = [
                "-" if name not in values else "{:.1f} ({:.1f} to {:.1f})".format(*values[name])
                for name in METRICS
            ]
            lines.append([one["task"], one["examples"], system, *cells])
    return format_table(["task", "pairs", "system", *METRICS], lines, "lrlr")


def format_trained(students: Iterable[Row]) -> str:
    lines = [
        [", ".join(one["tasks"]), one["base"], sum(one["trained"].values()), one["minutes"]]
        for one in students
    ]
    return format_table(["student of", "from", "pairs", "minutes"], lines, "llrr")


def format_page(facts: Row, readings: Sequence[Row], notes: Row) -> str:
    read = [row for row in readings if row["readers"]]
    parts = [
        "# Tasks beyond the paper's",
        "Written by `scripts/reproduce/tasks.py` from [what the builds were](tasks.json), "
        "[the readings](tasks.jsonl) and [remarks](tasks-notes.json).",
        notes["start"],
        "## What each build gave",
        format_yields(facts["runs"]),
        *notes["yield"],
        "## What readers say",
        notes["readers"],
        format_precision(read) if read else "No reader has answered yet.",
        *notes["precision"],
    ]
    for one in facts["runs"]:
        rows = [r for r in readings if r["build"] == one["name"] and r["system"] == "corpus"]
        what = task_of(one["tasks"][0]).meaning if len(one["tasks"]) == 1 else "Several tasks"
        several = [f"{n} also satisfy {task}" for task, n in one["several"].items()]
        parts += [
            f"## {one['name']}",
            f"{what}. Control codes: "
            + ", ".join(f"{code} {n}" for code, n in one["codes"].items())
            + ". Methods: "
            + ", ".join(f"{method} {n}" for method, n in one["methods"].items())
            + "."
            + (f" Pairs of several tasks: {', '.join(several)}." if several else ""),
            format_reasons(one),
        ]
        for task in dict.fromkeys(row["task"] for row in rows):
            some = [row for row in rows if row["task"] == task]
            parts += [f"The {len(some)} pairs of {task} drawn by chance:", format_shown(some)]
    parts += [
        "## Students",
        notes["students"],
        format_trained(facts["students"]) if facts["students"] else "",
    ]
    if facts["evaluations"]:
        parts += [format_evaluated(facts["evaluations"]), *notes["evaluations"]]
    outputs = [row for row in readings if row["system"] == "student"]
    for name in dict.fromkeys(row["build"] for row in outputs):
        rows = [row for row in outputs if row["build"] == name]
        parts += [f"The {len(rows)} outputs of {name} that were read:", format_shown(rows)]
    parts += ["## Translation", *notes["translation"]]
    return "\n\n".join(part for part in parts if part) + "\n"
