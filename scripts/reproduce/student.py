"""The experiment with students, from a finished `dimsum distill` to docs/experiments/student.md.

    python scripts/reproduce/student.py RUN --work FOLDER --teacher REF --critic REF \
        --summary google=FILE --code google=short-extractive \
        --summary broadcast=FILE --paraphrase mrpc=FILE --paraphrase paws=FILE

Trains the student without control codes beside the others, lets `dimsum evaluate` write a report
for each data set, and writes the page from those files alone. What is there already is not done
again, so the same command goes on after an interruption.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from student_page import Sources, page

from builder.cli import run as command
from dimsum.data.dataset import read_rows
from dimsum.files import whole_file
from dimsum.spec import read_spec

PAGE = Path(__file__).parents[2] / "docs" / "experiments" / "student.md"


def arguments(texts: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of `dimsum distill`")
    parser.add_argument("--work", type=Path, required=True, help="folder of the reports")
    parser.add_argument("--teacher", required=True, help="the teacher, for its prompts")
    parser.add_argument(
        "--student", help="what the students were trained from; needed if it was a folder"
    )
    parser.add_argument("--critic", help="entailment critic")
    parser.add_argument("--bertscore", default="auto")
    parser.add_argument("--corpus", type=Path, help="run of D0 if it is not RUN/round-0")
    parser.add_argument("--summary", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--paraphrase", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--code", action="append", default=[], metavar="NAME=LENGTH-STYLE")
    parser.add_argument(
        "--held-out",
        action="store_true",
        help="also judge on D0's held-out pairs, and show only outputs for these",
    )
    parser.add_argument("--teacher-sample", type=int, default=100)
    parser.add_argument("--controls", type=int, default=200, help="sources of the control accuracy")
    parser.add_argument("--limit", type=int, help="judge on the first so many (for a trial)")
    parser.add_argument(
        "--reuse", type=Path, help="--work of an earlier run: what the same models wrote is taken"
    )
    parser.add_argument("--notes", type=Path, help="prose on what was not reached, and why")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--device")
    parser.add_argument("-o", "--output", type=Path, default=PAGE)
    return parser.parse_args(texts)


def must(words: list[str]) -> None:
    """Run a command of ours; a failure ends the script with its exit code."""
    print("dimsum " + " ".join(words), file=sys.stderr)
    code = command(words)
    if code:
        sys.exit(code)


def settings_of(student: Path) -> list[str]:
    """The recipe that a student was trained with, as overrides."""
    spec = read_spec(student)
    assert spec is not None
    recipe = dict(spec.training["recipe"])
    for name in ("student", "control"):
        recipe.pop(name)
    return [word for k, v in recipe.items() for word in ("--set", f"{k}={json.dumps(v)}")]


def train_uncontrolled(wanted: argparse.Namespace, base: str) -> Path:
    """The student without codes, trained on D0 with the settings of the one with them."""
    output: Path = wanted.work / "student-without-control"
    if not (output / "student.json").is_file():
        device = ["--device", wanted.device] if wanted.device else []
        must(
            [
                *("train", str(data_of(wanted)), "--student", base, "--no-control"),
                *("-o", str(output)),
                *device,
                *settings_of(wanted.run / "student-1"),
            ]
        )
    return output


def held_out(wanted: argparse.Namespace) -> dict[str, tuple[str, Path]]:
    """For each task a file of the pairs of D0 that no student was trained on."""
    found = {}
    for task in ("summary", "paraphrase"):
        output = wanted.work / f"held-out-{task}.jsonl"
        rows = [
            row
            for split in ("validation", "test")
            for row in read_rows(str(data_of(wanted)), split)
            if row["task"] == task
        ]
        with whole_file(output) as stream:
            stream.writelines(
                json.dumps({"source": row["source"], "refs": [row["target"]]}) + "\n"
                for row in rows
            )
        found[f"held-out-{task}"] = (task, output)
    return found


def data_of(wanted: argparse.Namespace) -> Path:
    """The released folder of D0."""
    corpus: Path = wanted.corpus or wanted.run / "round-0"
    settings = json.loads((corpus / "run.json").read_text(encoding="utf-8"))
    return corpus / str(settings["config"]["name"])


def report(wanted: argparse.Namespace, plain: Path, task: str, name: str, file: str) -> Path:
    """The report of `dimsum evaluate` on one data set."""
    output: Path = wanted.work / f"{name}.json"
    if output.is_file():
        return output
    students = sorted(wanted.run.glob("student-*"))
    newest = [(f"M{path.name.rpartition('-')[2]}", path) for path in reversed(students)]
    words = ["evaluate", *(str(path) for _, path in newest), str(plain)]
    for label in [*(label for label, _ in newest), "M1 without control"]:
        words += ["--name", label]
    words += ["--data", file, "--task", task, "-o", str(output)]
    words += ["--save-outputs", str(wanted.work / f"{name}-outputs")]
    if wanted.reuse and (wanted.reuse / f"{name}-outputs").is_dir():
        words += ["--reuse", str(wanted.reuse / f"{name}-outputs")]
    words += ["--teacher", wanted.teacher, "--teacher-sample", str(wanted.teacher_sample)]
    words += ["--bertscore", wanted.bertscore, "--dtype", wanted.dtype]
    for baseline in ("copy", "lead", "random"):
        words += ["--baseline", baseline]
    codes = dict(text.split("=", 1) for text in wanted.code)
    if task == "summary":
        words += ["--controls", str(wanted.controls)]
        if name in codes:
            length, _, style = codes[name].partition("-")
            words += ["--length", length, "--style", style]
    elif "label" in next(iter(read_rows(file, None))):
        words += ["--where", "label=1"]
    for option in ("critic", "device", "limit"):
        value: Any = getattr(wanted, option)
        if value:
            words += [f"--{option}", str(value)]
    must(words)
    return output


def main(texts: list[str] | None = None) -> None:
    wanted = arguments(texts)
    wanted.work.mkdir(parents=True, exist_ok=True)
    first = read_spec(wanted.run / "student-1")
    if first is None:
        sys.exit(f"{wanted.run} has no student-1; run `dimsum distill` first")
    plain = train_uncontrolled(wanted, wanted.student or first.training["from"])
    reports = {}
    for task in ("summary", "paraphrase"):
        for text in getattr(wanted, task):
            name, _, file = text.partition("=")
            reports[name] = report(wanted, plain, task, name, file)
    corpora = sorted(wanted.run.glob("round-*"), key=lambda path: path.name)
    own = {}
    for name, (task, path) in (held_out(wanted) if wanted.held_out else {}).items():
        own[name] = report(wanted, plain, task, name, str(path))
    notes = wanted.notes.read_text(encoding="utf-8").strip() if wanted.notes else ""
    text = page(Sources(wanted.corpus, corpora, wanted.run, plain, reports, own, notes))
    with whole_file(wanted.output) as stream:
        stream.write(text)
    print(wanted.output)


if __name__ == "__main__":
    main()
