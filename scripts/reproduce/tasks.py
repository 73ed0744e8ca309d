"""Builds of the tasks beyond the paper's, pairs of them for readers, and docs/experiments/tasks.md.

    python scripts/reproduce/tasks.py gather --run deletion=runs/deletion ... \\
        --student runs/students/deletion ... --facts tasks.json
    python scripts/reproduce/tasks.py draw --run deletion=runs/deletion ... -o readings
    python scripts/reproduce/tasks.py page tasks.json readings.jsonl -o docs/experiments/tasks.md

`gather` keeps what the builds and students say of themselves, `draw` writes a blind sheet of each
run (item, source, target) and a key, `join` puts readers' answers to the sheets beside the pairs,
and `page` writes the page from both.
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

from builder.audit.agreement import alpha
from builder.audit.intervals import clopper_pearson
from builder.config import parse_config
from builder.statistics.funnel import count_of_several, funnel
from builder.store import Run, digest
from cards.tables import table
from dimsum.data.dataset import read_rows
from dimsum.spec import read_spec
from dimsum.tasks import task_of

Row = dict[str, Any]
QUESTIONS = ("valid", "faithful", "fluent", "main_point")
SHEET = 20


def named(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    return name, Path(path)


def rows_of(folder: Path) -> list[Row]:
    """Released rows of a run, by id: hashes, so nobody chose their order."""
    config = parse_config(Run.open(folder).header()["config"])
    return sorted(read_rows(str(folder / config.name), None), key=lambda row: row["id"])


def gather_run(name: str, folder: Path) -> Row:
    run = Run.open(folder)
    config = parse_config(run.header()["config"])
    rows = rows_of(folder)
    steps = funnel(run, config)
    return {
        "name": name,
        "tasks": [task.name for task in config.definitions],
        "openings": config.contexts.openings,
        "seed": config.seed,
        "rules": {task: list(rules) for task, rules in config.rules.items()},
        "funnel": [{**step.as_json(), "counters": {}} for step in steps],
        "several": count_of_several(steps),
        "pairs": dict(Counter(row["task"] for row in rows)),
        "codes": dict(sorted(Counter(row["control"] for row in rows).items())),
        "methods": dict(sorted(Counter(row["method"] for row in rows).items())),
        "seconds": round(sum(step.seconds for step in steps)),
    }


def gather_student(folder: Path, outputs: Path | None) -> Row:
    spec = read_spec(folder)
    assert spec is not None
    written = [] if outputs is None else list(read_rows(str(outputs), None))
    return {
        "tasks": spec.training["recipe"]["tasks"],
        "base": spec.base,
        "trained": spec.trained,
        "minutes": round(spec.training["seconds_of_last_start"] / 60, 1),
        "outputs": written,
    }


def gather(asked: argparse.Namespace) -> None:
    students = []
    for text in asked.student:
        folder, _, outputs = text.partition("=")
        students.append(gather_student(Path(folder), Path(outputs) if outputs else None))
    document = {"runs": [gather_run(*named(text)) for text in asked.run], "students": students}
    asked.facts.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")


def draw(asked: argparse.Namespace) -> None:
    """A blind sheet of each run: released pairs drawn by chance, in an order of their own."""
    asked.output.mkdir(parents=True, exist_ok=True)
    for text in asked.run:
        name, folder = named(text)
        rows = rows_of(folder)
        rng = random.Random(f"{asked.seed} {name}")
        drawn = rng.sample(rows, min(asked.n, len(rows)))
        key = []
        with (asked.output / f"read-{name}.jsonl").open("w", encoding="utf-8") as sheet:
            for row in drawn:
                item = digest([asked.seed, row["id"]])[:8]
                shown = {"item": item, "source": row["source"], "target": row["target"]}
                sheet.write(json.dumps(shown, ensure_ascii=False) + "\n")
                kept = {n: row[n] for n in ("id", "task", "control", "method", "source", "target")}
                key.append({"item": item, "build": name, **kept})
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in key)
        (asked.output / f"key-{name}.jsonl").write_text(lines, "utf-8")


def join(asked: argparse.Namespace) -> None:
    """Pairs of the keys with the answers of the readers, one file of answers a reader and sheet."""
    pairs = {row["item"]: {**row, "readers": []} for key in asked.keys for row in lines_of(key)}
    for path in asked.answers:
        for answer in lines_of(path):
            said = {question: bool(answer[question]) for question in QUESTIONS}
            pairs[answer["item"]]["readers"].append({**said, "note": answer.get("note", "")})
    with asked.output.open("w", encoding="utf-8") as stream:
        for row in pairs.values():
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def lines_of(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def by_all(row: Row, question: str) -> bool:
    """Whether every reader says yes."""
    return all(reader[question] for reader in row["readers"])


def share(rows: Sequence[Row], question: str) -> str:
    yes = sum(by_all(row, question) for row in rows)
    low, high = clopper_pearson(yes, len(rows))
    return f"{yes} of {len(rows)}, {yes / len(rows):.0%} ({low:.0%} to {high:.0%})"


def agreement(rows: Sequence[Row], question: str) -> str:
    if not rows or any(len(row["readers"]) != 2 for row in rows):
        return "-"
    value = alpha([[float(reader[question]) for reader in row["readers"]] for row in rows]).value
    return "-" if value is None else f"{value:.2f}"


def yields(runs: Iterable[Row]) -> str:
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
    return table([*head, "scored", "by the rules", "released", "minutes"], lines, "lrrrrrrrlr")


def reasons(one: Row) -> str:
    """Why pairs went, from the bounds to the rules."""
    lines = []
    for step in one["funnel"]:
        if step["stage"] in ("pairs", "scores", "decisions", "duplicates"):
            for reason, count in list(step["rejected"].items())[:6]:
                lines.append([step["stage"], f"`{reason}`", count])
    return table(["stage", "reason", "pairs"], lines, "llr")


def precision(readings: Sequence[Row]) -> str:
    builds = list(dict.fromkeys(row["build"] for row in readings))
    lines = []
    for name in builds:
        rows = [row for row in readings if row["build"] == name]
        shares = [share(rows, question) for question in QUESTIONS]
        lines.append([name, len(rows[0]["readers"]), *shares, agreement(rows, "valid")])
    head = ["build", "readers", *(q.replace("_", " ") for q in QUESTIONS), "agreement on valid"]
    return table(head, lines, "lr")


def shown(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        said = "".join("+" if reader["valid"] else "-" for reader in row["readers"])
        notes = "; ".join(r["note"] for r in row["readers"] if r["note"])
        lines.append([row["control"], row["source"], row["target"], said, notes])
    return table(["control", "source", "target", "valid", "notes"], lines, "l")


def written(students: Iterable[Row]) -> str:
    """What the students wrote, unselected, with how much of it is the source itself."""
    parts = []
    for one in students:
        if not one["outputs"]:
            continue
        copies = sum(row["source"] == row["target"] for row in one["outputs"])
        title = ", ".join(one["tasks"])
        lines = [[row["source"], row["target"]] for row in one["outputs"][: SHEET // 4]]
        trained = sum(one["trained"].values())
        parts += [
            f"Of {title}: trained on {trained} pairs in {one['minutes']} minutes; of "
            f"{len(one['outputs'])} outputs {copies} are the source itself. The first of them:",
            table(["source", "output"], lines, "l"),
        ]
    return "\n\n".join(parts)


def page(facts: Row, readings: Sequence[Row], notes: Row) -> str:
    parts = [
        "# Tasks beyond the paper's",
        "Written by `scripts/reproduce/tasks.py` from [what the builds were](tasks.json), "
        "[the readings](tasks.jsonl) and [remarks](tasks-notes.json).",
        notes["start"],
        "## What each build gave",
        yields(facts["runs"]),
        *notes["yield"],
        "## What readers say",
        notes["readers"],
        precision(readings) if readings else "No reader has answered yet.",
        *notes["precision"],
    ]
    for one in facts["runs"]:
        rows = [row for row in readings if row["build"] == one["name"]]
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
            reasons(one),
        ]
        if rows:
            parts += [f"The {len(rows)} pairs that were read:", shown(rows)]
    parts += ["## Students", notes["students"], written(facts["students"])]
    parts += ["## Translation", *notes["translation"]]
    return "\n\n".join(part for part in parts if part) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("gather")
    one.add_argument("--run", action="append", default=[], metavar="NAME=FOLDER")
    one.add_argument("--student", action="append", default=[], metavar="FOLDER=OUTPUTS")
    one.add_argument("--facts", type=Path, required=True)
    one = commands.add_parser("draw")
    one.add_argument("--run", action="append", required=True, metavar="NAME=FOLDER")
    one.add_argument("-n", type=int, default=SHEET)
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("-o", "--output", type=Path, required=True)
    one = commands.add_parser("join")
    one.add_argument("--keys", type=Path, nargs="+", required=True)
    one.add_argument("--answers", type=Path, nargs="+", required=True)
    one.add_argument("-o", "--output", type=Path, required=True)
    one = commands.add_parser("page")
    one.add_argument("facts", type=Path)
    one.add_argument("notes", type=Path)
    one.add_argument("readings", type=Path, nargs="?")
    one.add_argument("-o", "--output", type=Path, required=True)
    asked = parser.parse_args()
    if asked.command == "page":
        facts, notes = (json.loads(path.read_text("utf-8")) for path in (asked.facts, asked.notes))
        readings = [] if asked.readings is None else lines_of(asked.readings)
        asked.output.write_text(page(facts, readings, notes), "utf-8")
    else:
        {"gather": gather, "draw": draw, "join": join}[asked.command](asked)


if __name__ == "__main__":
    main()
