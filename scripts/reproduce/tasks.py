"""Builds of the tasks beyond the paper's, pairs of them for readers, and docs/experiments/tasks.md.

    python scripts/reproduce/tasks.py gather --run deletion=runs/deletion ... \\
        --student runs/student --evaluation deletion.json ... --facts tasks.json
    python scripts/reproduce/tasks.py draw --run deletion=runs/deletion ... \\
        --outputs deletion=deletion-outputs/outputs.jsonl ... -o readings
    python scripts/reproduce/tasks.py join --keys readings/*.key.jsonl --answers ... -o tasks.jsonl
    python scripts/reproduce/tasks.py page tasks.json readings.jsonl -o docs/experiments/tasks.md

`gather` keeps what the builds and students say of themselves, `draw` writes a blind sheet of each
task of a run and of each student (id, source, target) and a key, `join` puts the answers of readers
beside the pairs, and `page` writes the page from both.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tasks_page import QUESTIONS, Row, format_page

from builder.config import parse_config
from builder.statistics.funnel import count_funnel, count_several
from builder.store import Run, digest
from dimsum.data.dataset import read_rows
from dimsum.spec import read_spec

SHEET = 20
BASELINES = ("copy", "lead")
"""Systems of an evaluation that nobody needs to read."""


def split_named(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    return name, Path(path)


def read_released(folder: Path) -> list[Row]:
    """Released rows of a run, by id: hashes, so nobody chose their order."""
    config = parse_config(Run.open(folder).header()["config"])
    return sorted(read_rows(str(folder / config.name), None), key=lambda row: row["id"])


def gather_run(name: str, folder: Path) -> Row:
    run = Run.open(folder)
    config = parse_config(run.header()["config"])
    rows = read_released(folder)
    steps = count_funnel(run, config)
    return {
        "name": name,
        "tasks": [task.name for task in config.definitions],
        "openings": config.contexts.openings,
        "seed": config.seed,
        "rules": {task: list(rules) for task, rules in config.rules.items()},
        "funnel": [{**step.as_json(), "counters": {}} for step in steps],
        "several": count_several(steps),
        "pairs": dict(Counter(row["task"] for row in rows)),
        "codes": dict(sorted(Counter(row["control"] for row in rows).items())),
        "methods": dict(sorted(Counter(row["method"] for row in rows).items())),
        "seconds": round(sum(step.seconds for step in steps)),
    }


def gather_student(folder: Path) -> Row:
    spec = read_spec(folder)
    assert spec is not None
    return {
        "tasks": spec.training["recipe"]["tasks"],
        "base": spec.base,
        "trained": spec.trained,
        "minutes": round(spec.training["seconds_of_last_start"] / 60, 1),
    }


def gather_evaluation(path: Path) -> Row:
    """Of what `dimsum evaluate` says: each system's metrics with their intervals."""
    found = json.loads(path.read_text("utf-8"))
    systems = {
        name: {m: [v["value"], v["low"], v["high"]] for m, v in system["metrics"].items()}
        for name, system in found["systems"].items()
    }
    return {"task": found["task"], "examples": found["examples"], "systems": systems}


def gather(asked: argparse.Namespace) -> None:
    document = {
        "runs": [gather_run(*split_named(text)) for text in asked.run],
        "students": [gather_student(path) for path in asked.student],
        "evaluations": [gather_evaluation(path) for path in asked.evaluation],
    }
    asked.facts.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")


def draw(asked: argparse.Namespace) -> None:
    """Blind sheets: released pairs of each run, or outputs of each evaluation, drawn by chance."""
    asked.output.mkdir(parents=True, exist_ok=True)
    for text in asked.run:
        name, folder = split_named(text)
        kept = ("task", "control", "method", "source", "target")
        rows = [{"system": "corpus", **{n: row[n] for n in kept}} for row in read_released(folder)]
        for task in dict.fromkeys(row["task"] for row in rows):
            some = [row for row in rows if row["task"] == task]
            write_sheet(asked, name, task, "pairs", some)
    for text in asked.outputs:
        name, path = split_named(text)
        rows = [
            {"system": "student", "task": name, "control": system, "source": row["source"]}
            | {"target": output}
            for row in read_lines(path)
            for system, output in row["outputs"].items()
            if system not in BASELINES
        ]
        write_sheet(asked, name, name, "outputs", rows)


def write_sheet(
    asked: argparse.Namespace, name: str, task: str, what: str, rows: list[Row]
) -> None:
    """What readers see, and what they do not, item by item; a sheet holds one task."""
    label = name if name == task else f"{name}.{task}"
    rng = random.Random(f"{asked.seed} {label} {what}")
    sheet, key = [], []
    for row in rng.sample(rows, min(asked.n, len(rows))):
        item = digest([asked.seed, label, what, row["source"], row["target"]])[:8]
        sheet.append({"id": item, "source": row["source"], "target": row["target"]})
        key.append({"id": item, "build": name, **row})
    for end, lines in (("jsonl", sheet), ("key.jsonl", key)):
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (asked.output / f"{label}.{what}.{end}").write_text(text, "utf-8")


def join(asked: argparse.Namespace) -> None:
    """Pairs of the keys with the answers of the readers, one file of answers a reader and sheet."""
    pairs = {row["id"]: {**row, "readers": []} for key in asked.keys for row in read_lines(key)}
    for path in asked.answers:
        for answer in read_lines(path):
            said = {question: bool(answer[question]) for question in QUESTIONS}
            pairs[answer["id"]]["readers"].append({**said, "note": answer.get("note", "")})
    with asked.output.open("w", encoding="utf-8") as stream:
        for row in pairs.values():
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_lines(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("gather")
    one.add_argument("--run", action="append", default=[], metavar="NAME=FOLDER")
    one.add_argument("--student", action="append", default=[], type=Path)
    one.add_argument("--evaluation", action="append", default=[], type=Path, metavar="JSON")
    one.add_argument("--facts", type=Path, required=True)
    one = commands.add_parser("draw")
    one.add_argument("--run", action="append", default=[], metavar="NAME=FOLDER")
    one.add_argument("--outputs", action="append", default=[], metavar="TASK=OUTPUTS.jsonl")
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
        readings = [] if asked.readings is None else read_lines(asked.readings)
        asked.output.write_text(format_page(facts, readings, notes), "utf-8")
    else:
        {"gather": gather, "draw": draw, "join": join}[asked.command](asked)


if __name__ == "__main__":
    main()
