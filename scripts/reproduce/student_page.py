"""docs/experiments/student.md out of files that commands wrote; nothing in it is typed by hand.

Readings are JSON lines: `set`, `row`, `system` and `readers`, a list of what each reader answered
(`faithful`, `fluent`, `main_point`, `valid`, each true or false). The texts are not in them. A set
with a single system is a sample of a corpus; its rows are released ids.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from builder.audit.intervals import clopper_pearson
from builder.config import load_config
from cards.escape import Markdown, escape
from cards.tables import format_table
from dimsum.spec import read_spec

SHOWN = 20
MAIN = ("rougeL", "bertscore", "bert_ibleu")
FURTHER = ("entailment", "entailment_back", "compression", "density", "copy_rate", "novel_2grams")
SIGNIFICANT = 0.01
ASKED = ("faithful", "fluent", "main_point", "valid")


@dataclass(frozen=True)
class Sources:
    """Where the facts are.

    Attributes:
        corpora: runs of D0, D1, ...
        students: folders of M1, M2, ...
        judged: what `dimsum evaluate --suite` wrote on data of others.
        own: the same on D0's held-out pairs; only of these are outputs shown.
        readings: readers' answers about outputs.
        notes: prose on what was not reached.
    """

    corpora: list[Path]
    students: list[Path]
    judged: Path
    own: Path
    readings: Path | None = None
    notes: str = ""


def format_page(sources: Sources) -> str:
    documents, own = read_suite(sources.judged), read_suite(sources.own)
    parts = [
        "# Students",
        "Written by `scripts/reproduce/student.py` from the files that `dimsum distill` and "
        "`dimsum evaluate --suite` left.",
        "## Corpus",
        write_corpus(sources.corpora),
        write_settings(sources.corpora),
        "## Training",
        write_training(sources.students),
        "## What was to be reached",
        write_aims(documents),
        *(["## Read blind", write_readings(sources.readings)] if sources.readings else []),
        *(["## Why, and what was tried", sources.notes] if sources.notes else []),
        "## Control",
        write_control(documents),
    ]
    for name, document in {**documents, **own}.items():
        parts += [f"## {name}", write_judgements(document)]
    parts.append("## Outputs")
    for name in own:
        parts += [f"### {name}", write_outputs(sources.own / f"{name}-outputs" / "outputs.jsonl")]
    parts += ["## Definitions", write_definitions(documents)]
    return "\n\n".join(parts) + "\n"


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def read_suite(folder: Path) -> dict[str, Any]:
    """The documents of a suite's sets, in the order of their names."""
    return {path.stem: read(path) for path in sorted(folder.glob("*.json"))}


def write_corpus(runs: list[Path]) -> str:
    rows = []
    for run in runs:
        settings = read(run / "run.json")["config"]
        folder = run / settings["name"] / "provenance"
        counts = read(folder / "statistics.json")["by"]
        funnel = {step["stage"]: step for step in read(folder / "funnel.json")}
        rows.append(
            [
                run.name,
                funnel.get("placement", funnel["splits"])["kept"],
                sum(counts["task"].values()),
                counts["task"].get("summary", 0),
                counts["task"].get("paraphrase", 0),
                ", ".join(f"{k} {v:,}" for k, v in counts["control"].items()),
                round(sum(step["seconds"] for step in funnel.values()) / 60, 1),
            ]
        )
    head = ["run", "its own pairs", "pairs so far", "summaries", "paraphrases", "codes", "minutes"]
    return format_table(head, rows)


def write_settings(runs: list[Path]) -> str:
    """What the runs were built with, where it is not the preset's."""
    usual = dict(flatten(load_config("embedded").model_dump(mode="json")))
    lines = []
    for run in runs:
        own = [
            f"`{name} = {json.dumps(value)}`"
            for name, value in flatten(read(run / "run.json")["config"])
            if usual.get(name) != value and not str(value).startswith("/")
        ]
        lines.append(f"- {run.name}: the preset `embedded`, but for {', '.join(own) or 'nothing'}")
    return "\n".join(lines)


def flatten(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested mappings by their dotted names."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flatten(inner, f"{name}.{key}" if name else key)
    else:
        yield name, value


def write_training(students: list[Path]) -> str:
    rows = []
    for folder in students:
        facts = read_training(folder)
        recipe = facts["recipe"]
        rows.append(
            [
                folder.name,
                facts["from"],
                facts["data"]["train"],
                facts["data"]["an_epoch"],
                facts["steps"],
                facts["best_validation_loss"],
                recipe["prompt"],
                recipe["learning_rate"],
                recipe["lora_rank"] or "all weights",
                round(facts["seconds_of_last_start"] / 60, 1),
            ]
        )
    head = ["student", "from", "pairs", "with repeats", "steps", "validation loss", "prompt"]
    return format_table([*head, "rate", "LoRA rank", "minutes"], rows)


def read_training(folder: Path) -> Any:
    spec = read_spec(folder)
    assert spec is not None, folder
    return spec.training


def write_aims(documents: Mapping[str, Any]) -> str:
    """Each aim with its numbers and whether they meet it."""
    rows: list[list[str]] = []
    for name, document in documents.items():
        systems = document["systems"]
        first = next(iter(systems))
        teachers = [one for one in systems if one.startswith("teacher ")]
        choices = [one for one in systems if one.startswith(f"{first}, ")]
        summary = document["task"] == "summary"
        for metric in ("rougeL", "bertscore") if summary else ("bert_ibleu",):
            if metric not in document["signatures"]:
                continue
            best = find_strongest(systems, teachers, metric)
            for one in (first, *choices):
                rows += compare(name, document, one, best, metric, SIGNIFICANT)
            if summary:
                matched = f"{first} at the length of {best}"
                rows += compare(name, document, matched, best, metric, SIGNIFICANT)
        if summary:
            for one in (first, *choices):
                rows += compare(name, document, one, "lead", "bertscore", 1.0)
        else:
            for one in (first, *choices):
                rows += compare(name, document, one, "M1", "bert_ibleu", SIGNIFICANT)
                for way in ("entailment", "entailment_back"):
                    rows += compare(name, document, one, best, way, 1.0)
        for student, found in document["control"].items():
            for part, least in (("length", 0.85), ("style", 0.8)):
                if found.get(part) is not None:
                    met = "yes" if found[part] >= least else Markdown("**no**")
                    line = f"{name}: {student}, {part} obeyed"
                    rows.append([line, f"{found[part]:.3f} of {least}", met])
    return format_table(["aim", "measured", "reached"], rows)


def find_strongest(systems: Mapping[str, Any], names: list[str], metric: str) -> str:
    return max(names, key=lambda name: float(systems[name]["metrics"][metric]["value"]), default="")


def find_test(document: Any, one: str, other: str, metric: str) -> Any:
    for test in document["paired"]:
        if (test["a"], test["b"], test["metric"]) == (one, other, metric):
            return test
    return None


def compare(
    name: str, document: Any, one: str, other: str, metric: str, most_p: float
) -> list[list[str]]:
    """The aim that one system is above another, if they were tested; p has to be below `most_p`."""
    test = find_test(document, one, other, metric)
    if test is None:
        return []
    met = test["difference"] > 0 and test["p"] < most_p
    aim = f"{name}: {one} above {other} in {metric}" + (f", p < {most_p:g}" if most_p < 1 else "")
    difference = f"{test['difference']:+.2f}, p = {test['p']:.4f}"
    return [[aim, difference, "yes" if met else Markdown("**no**")]]


def write_readings(path: Path, part: str | None = None) -> str:
    """Shares that all readers said yes to, and the first system against each other, pair by pair.

    The test is the exact one of McNemar (1947) on the sources where only one of both is valid.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if part in (None, row.get("part"))]
    judged: dict[str, dict[str, dict[str, list[bool]]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        judged[row["set"]][row["system"]][f"{row['set']} {row['row']}"] = list_said_by_all(row)
    outputs = [systems for systems in judged.values() if len(systems) > 1]
    if len(outputs) > 1:
        for systems in outputs:
            for system, found in systems.items():
                judged["all outputs"][system] |= found
    agree = sum(len({reader["valid"] for reader in row["readers"]}) == 1 for row in rows)
    lines, tests = [], []
    for name, systems in judged.items():
        first, *others = systems
        for system, found in systems.items():
            shares = [[answers[i] for answers in found.values()] for i in range(len(ASKED))]
            lines.append([name, system, len(found), *(format_share(values) for values in shares)])
        own = [first, *(other for other in others if other.startswith(f"{first}, "))]
        for one, other in ((one, other) for one in own for other in others if other not in own):
            won, lost = count_apart(systems[one], systems[other])
            p = binomtest(won, won + lost, alternative="greater").pvalue if won + lost else 1.0
            tests.append([name, f"{one} - {other}", won, lost, f"{p:.4f}"])
    readers = min(len(row["readers"]) for row in rows)
    return "\n\n".join(
        [
            f"{len(rows):,} texts, each read by {readers} readers, language models that knew "
            "neither systems nor scores nor each other's answers, under [the guideline]"
            f"(../../builder/audit/guideline.md) ([answers]({path.name})). An answer counts as "
            f"yes where all say yes; they agreed on valid in {agree / len(rows):.1%}. Intervals "
            "are Clopper-Pearson at 95%.",
            format_table(["data", "system", "texts", *ASKED], lines),
            "Sources where only the first is valid, and where only the other is, with the exact p "
            "that the first is not better:",
            format_table(["data", "systems", "first", "other", "p"], tests),
        ]
    )


def list_said_by_all(row: Any) -> list[bool]:
    """What all readers of a row of the readings said yes to, in the order of ASKED."""
    return [all(reader[question] for reader in row["readers"]) for question in ASKED]


def count_apart(one: Mapping[Any, list[bool]], other: Mapping[Any, list[bool]]) -> tuple[int, int]:
    """Sources of both systems where only the first output is valid, and where only the other is."""
    valid = ASKED.index("valid")
    both = [(one[key][valid], other[key][valid]) for key in one.keys() & other.keys()]
    return both.count((True, False)), both.count((False, True))


def format_share(values: list[bool]) -> str:
    low, high = clopper_pearson(sum(values), len(values))
    return Markdown(f"{sum(values) / len(values):.1%} [{low:.1%}, {high:.1%}]")


def write_control(documents: Mapping[str, Any]) -> str:
    rows = []
    for name, document in documents.items():
        for student, found in document["control"].items():
            rows.append([name, student, "all", found["length"], found["style"], found["control"]])
            for code, one in found["by_code"].items():
                rows.append([name, student, code, one["length"], one["style"], one["control"]])
    return format_table(["data", "student", "code", "length", "style", "both"], rows)


def write_judgements(document: Any) -> str:
    systems, signatures = document["systems"], document["signatures"]
    main = [name for name in MAIN if name in signatures]
    rest = [name for name in FURTHER if name in signatures]
    cells = [
        [
            name,
            *(format_spread(found["metrics"][m]) for m in main),
            *(found["metrics"][m]["value"] for m in rest),
        ]
        for name, found in systems.items()
    ]
    tests = [
        [test["a"], test["b"], test["metric"], f"{test['difference']:+.2f}", f"{test['p']:.4f}"]
        for test in document["paired"]
        if test["metric"] in main
    ]
    head = f"{document['examples']:,} sources, {document['references']:.2f} references each."
    parts = [
        f"{head} {document['intervals'].capitalize()}.",
        format_table(["system", *main, *rest], cells),
        "Differences, with the p of the paired bootstrap that the first is not better:",
        format_table(["first", "other", "metric", "difference", "p"], tests),
    ]
    asked = [found["facts"] for found in systems.values() if "prompt" in found["facts"]]
    if asked:
        parts += ["The teacher's prompts:", "\n".join(write_prompt(one) for one in asked)]
    return "\n\n".join(parts)


def write_prompt(facts: Any) -> str:
    text = json.dumps(facts["text"], ensure_ascii=False)
    tried = len(facts["tried"])
    return f"- {facts['prompt']}, chosen by {facts['chosen_by']} out of {tried}: `{text}`"


def format_spread(found: Any) -> str:
    return Markdown(f"{found['value']:.2f} [{found['low']:.2f}, {found['high']:.2f}]")


def write_outputs(path: Path) -> str:
    """Twenty sources drawn by chance, with what every system wrote."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    drawn = random.Random(0).sample(rows, min(SHOWN, len(rows)))
    blocks = []
    for row in drawn:
        lines = [f"- {escape(row['source'])}"]
        lines += [f"  - *reference*: {escape(reference)}" for reference in row["references"]]
        lines += [f"  - {name}: {escape(text)}" for name, text in row["outputs"].items()]
        blocks.append("\n".join(lines))
    return "\n".join(blocks)


def write_definitions(documents: Mapping[str, Any]) -> str:
    found: dict[str, str] = {}
    for document in documents.values():
        for name, text in document["signatures"].items():
            found.setdefault(name, text)
    return "\n".join(f"- {name}: {text}" for name, text in found.items())
