"""Students that differ from one in a setting, as docs/experiments/levers.md shows them.

    python scripts/reproduce/levers.py FOLDER --base NAME --readings FILE --notes FILE [--final DIR]

FOLDER has students by name and NAME-tune, what `dimsum evaluate --suite` wrote of each. `--final`
is such a folder of the students and the teacher on sources that chose nothing. Readings are JSON
lines as `student_page.py` describes them, of `set` in the suites' names; those on the suites of the
students have `part: tune`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

sys.path.insert(0, str(Path(__file__).parent))

from student_page import (
    ASKED,
    count_apart,
    flatten,
    format_share,
    list_said_by_all,
    read_suite,
    read_training,
    write_definitions,
    write_judgements,
    write_readings,
)

from cards.tables import format_table
from dimsum.files import open_whole_file
from dimsum.training.recipe import Recipe

PAGE = Path(__file__).parents[2] / "docs" / "experiments" / "levers.md"
METRICS = ("rougeL", "bertscore", "entailment", "copy_rate")
Answers = dict[tuple[str, str, int], list[bool]]
"""Of a set, a system and a row, what all readers said yes to, in the order of ASKED."""


def parse_arguments(texts: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="of the students and their evaluations")
    parser.add_argument("--base", required=True, help="the student that the others differ from")
    parser.add_argument("--final", type=Path, help="evaluation on sources that chose nothing")
    parser.add_argument("--readings", type=Path, required=True, help="readers' answers")
    parser.add_argument("--notes", type=Path, required=True, help="prose, of parts by `## `")
    parser.add_argument("--title", default="One setting at a time")
    parser.add_argument("-o", "--output", type=Path, default=PAGE)
    return parser.parse_args(texts)


def read_answers(lines: Sequence[str]) -> Answers:
    """What readers said of the outputs on the suites of the students."""
    rows = [row for row in map(json.loads, lines) if row.get("part") == "tune"]
    return {(row["set"], row["system"], row["row"]): list_said_by_all(row) for row in rows}


def list_differences(recipe: dict[str, Any], base: dict[str, Any]) -> str:
    """The settings of a recipe that another has otherwise."""
    usual, own = list_settings(base), list_settings(recipe)
    other = [f"{name} {value}" for name, value in own.items() if usual.get(name) != value]
    return ", ".join(other) or "as shipped"


def list_settings(recipe: dict[str, Any]) -> dict[str, Any]:
    """A recipe's settings by their dotted names, of its objective those that are not usual."""
    whole = Recipe.model_validate(recipe)
    rest = whole.model_dump(mode="json", exclude={"objective"})
    objective = whole.objective.model_dump(mode="json", exclude_defaults=True)
    return dict(flatten({**rest, "objective": objective}))


def write_students(folder: Path, base: str, answers: Answers) -> str:
    """A line a student: how it was trained, and what came of it on every set."""
    names = [path.name.removesuffix("-tune") for path in sorted(folder.glob("*-tune"))]
    names.sort(key=lambda name: name != base)
    usual = read_training(folder / base)["recipe"]
    head: dict[str, None] = {}
    rows = []
    for name in names:
        facts = read_training(folder / name)
        cells: dict[str, Any] = {}
        for part, document in read_suite(folder / f"{name}-tune").items():
            system = next(iter(document["systems"].values()))["metrics"]
            for metric in METRICS:
                if metric in system:  # without references some are not
                    cells[f"{part} {metric}"] = round(system[metric]["value"], 1)
            for found in document["control"].values():
                cells[f"{part} length obeyed"] = found["length"]
        head |= dict.fromkeys(cells)
        seconds = facts["seconds_of_last_start"]
        loss = facts["best_validation_loss"]
        start = [name, list_differences(facts["recipe"], usual), facts["steps"], seconds / 60, loss]
        rows.append((start, cells))
    first = ["student", "differs in", "steps", "minutes", "validation loss"]
    metrics = format_table(
        [*first, *head], [[*start, *(cells.get(key) for key in head)] for start, cells in rows]
    )
    return f"{metrics}\n\n{write_valid(names, base, answers)}"


def write_valid(names: Sequence[str], base: str, answers: Answers) -> str:
    """What readers say of each student's outputs, and source by source against the base's."""
    rows = []
    for name in names:
        own = {key[::2]: found for key, found in answers.items() if key[1] == name}
        if not own:
            continue
        usual = {key[::2]: found for key, found in answers.items() if key[1] == base}
        won, lost = count_apart(own, usual)
        p = binomtest(won, won + lost).pvalue if won + lost else 1.0
        shares = [format_share([found[i] for found in own.values()]) for i in range(len(ASKED))]
        rows.append([name, len(own), *shares, won, lost, f"{p:.3f}"])
    head = ["student", "texts", *ASKED, f"valid, {base} not", f"{base} valid, it not", "p"]
    return format_table(head, rows)


def main(texts: list[str] | None = None) -> None:
    wanted = parse_arguments(texts)
    lines = wanted.readings.read_text(encoding="utf-8").splitlines()
    answers = read_answers(lines)
    intro, *sections = wanted.notes.read_text(encoding="utf-8").strip().split("\n## ")
    parts = [
        f"# {wanted.title}",
        "Written by `scripts/reproduce/levers.py` from the folders of the students, what "
        "`dimsum evaluate --suite` left, and readers' answers.",
        intro,
        "## Students",
        write_students(wanted.folder, wanted.base, answers),
    ]
    documents = read_suite(wanted.final) if wanted.final else {}
    if documents:
        parts.append("## On sources that chose nothing")
        parts.append(write_readings(wanted.readings, part="final"))
    for name, document in documents.items():
        parts += [f"### {name}", write_judgements(document)]
    parts += [f"## {section}" for section in sections]
    if not documents:
        documents = read_suite(wanted.folder / f"{wanted.base}-tune")
    parts += ["## Definitions", write_definitions(documents)]
    with open_whole_file(wanted.output) as stream:
        stream.write("\n\n".join(parts) + "\n")
    print(wanted.output)


if __name__ == "__main__":
    main()
