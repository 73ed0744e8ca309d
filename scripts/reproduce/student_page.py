"""docs/experiments/student.md out of files that commands wrote; nothing in it is typed by hand."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.config import load_config
from cards.escape import Markdown, escape
from cards.tables import table
from dimsum.spec import read_spec

SHOWN = 20
WITH_INTERVALS = ("rougeL", "bertscore", "bert_ibleu")
TEACHERS = ("teacher zero-shot", "teacher few-shot")
SIGNIFICANT = 0.01


@dataclass(frozen=True)
class Sources:
    """Where the facts are: runs, students, and a report of `dimsum evaluate` for each data set.

    Attributes:
        reports: of the data sets that the aims are about.
        own: of the corpus' own held-out pairs; where there are some, the outputs that are shown
            are theirs and nothing of the other data is quoted.
        notes: prose on what was not reached.
    """

    corpus: Path | None
    rounds: list[Path]
    run: Path
    plain: Path
    reports: dict[str, Path]
    own: dict[str, Path]
    notes: str = ""


def page(sources: Sources) -> str:
    documents = {name: read(path) for name, path in sources.reports.items()}
    every = {**documents, **{name: read(path) for name, path in sources.own.items()}}
    parts = [
        "# Students",
        "Written by `scripts/reproduce/student.py` from the files that `dimsum distill`, "
        "`dimsum train` and `dimsum evaluate` left.",
        "## Corpus",
        corpus(sources),
        settings(sources),
        "## Training",
        training(sources),
        "## What was to be reached",
        write_aims(documents),
        *(["## Why, and what was tried", sources.notes] if sources.notes else []),
    ]
    for name, document in every.items():
        parts += [f"## {name}", write_judgements(document)]
    parts += ["## Control", control(every), "## Outputs"]
    for name, path in (sources.own or sources.reports).items():
        parts.append(f"### {name}")
        parts.append(outputs(path.with_name(f"{name}-outputs") / "outputs.jsonl"))
    parts += ["## Definitions", definitions(documents)]
    return "\n\n".join(parts) + "\n"


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def runs_of(sources: Sources) -> list[Path]:
    """Runs of the corpus, from D0 on."""
    return list(dict.fromkeys([*([sources.corpus] if sources.corpus else []), *sources.rounds]))


def corpus(sources: Sources) -> str:
    rows = []
    for run in runs_of(sources):
        settings = read(run / "run.json")["config"]
        folder = run / settings["name"] / "provenance"
        counts = read(folder / "statistics.json")["by"]
        funnel = {step["stage"]: step for step in read(folder / "funnel.json")}
        seconds = sum(step["seconds"] for step in funnel.values())
        rows.append(
            [
                run.name,
                funnel.get("placement", funnel["splits"])["kept"],
                sum(counts["task"].values()),
                counts["task"].get("summary", 0),
                counts["task"].get("paraphrase", 0),
                ", ".join(f"{k} {v:,}" for k, v in counts["control"].items()),
                settings["teacher"]["model"].rpartition("/")[2],
                round(seconds / 60, 1),
            ]
        )
    head = [
        "run",
        "its own pairs",
        "pairs so far",
        "summaries",
        "paraphrases",
        "codes",
        "teacher",
        "minutes",
    ]
    return table(head, rows)


def settings(sources: Sources) -> str:
    """What the runs were built with, where it is not the preset's."""
    usual = dict(flat(load_config("embedded").model_dump(mode="json")))
    lines = []
    for run in runs_of(sources):
        found = dict(flat(read(run / "run.json")["config"]))
        own = [
            f"`{name} = {json.dumps(value)}`"
            for name, value in found.items()
            if usual.get(name) != value and not str(value).startswith("/")
        ]
        lines.append(f"- {run.name}: the preset `embedded`, but for {', '.join(own) or 'nothing'}")
    return "\n".join(lines)


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested mappings by their dotted names."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else key)
    else:
        yield name, value


def training(sources: Sources) -> str:
    rows = []
    folders = [*sorted(sources.run.glob("student-*")), sources.plain]
    for folder in folders:
        spec = read_spec(folder)
        assert spec is not None
        facts = spec.training
        recipe = facts["recipe"]
        rows.append(
            [
                folder.name,
                facts["from"],
                facts["data"]["train"],
                facts["steps"],
                facts["best_validation_loss"],
                recipe["learning_rate"],
                recipe["batch_size"],
                recipe["lora_rank"] or "all weights",
                round(facts["seconds_of_last_start"] / 60, 1),
                facts["device"],
            ]
        )
    head = ["student", "from", "pairs", "steps", "validation loss", "rate", "batch", "LoRA rank"]
    return table([*head, "minutes", "device"], rows)


def write_judgements(document: Any) -> str:
    systems, signatures = document["systems"], document["signatures"]
    main = [name for name in WITH_INTERVALS if name in signatures]
    rest = [name for name in signatures if name not in main]
    first = table(
        ["system", *main],
        [[name, *(spread(found["metrics"][m]) for m in main)] for name, found in systems.items()],
    )
    second = table(
        ["system", *rest],
        [[name, *(found["metrics"][m]["value"] for m in rest)] for name, found in systems.items()],
    )
    tests = table(
        ["against", *main],
        [
            [other, *(format_test(document, other, metric) for metric in main)]
            for other in list(systems)[1:]
        ],
    )
    asked = [found["facts"] for found in systems.values() if "prompt" in found["facts"]]
    prompts = "\n".join(
        f"- {one['prompt']}, chosen by {one['chosen_by']} out of {len(one['tried'])}: "
        f"`{json.dumps(one['text'], ensure_ascii=False)}`"
        for one in asked
    )
    head = f"{document['examples']:,} sources, {document['references']:.2f} references each."
    first_name = next(iter(systems))
    return "\n\n".join(
        [
            f"{head} {document['intervals'].capitalize()}.",
            first,
            second,
            f"Differences of {first_name} to the others, with the p of the paired bootstrap that "
            f"{first_name} is not better:",
            tests,
            "The teacher's prompts:",
            prompts or "none",
        ]
    )


def spread(found: Any) -> str:
    return Markdown(f"{found['value']:.2f} [{found['low']:.2f}, {found['high']:.2f}]")


def test_of(document: Any, other: str, metric: str) -> Any:
    for test in document["paired"]:
        if (test["b"], test["metric"]) == (other, metric):
            return test
    return None


def format_test(document: Any, other: str, metric: str) -> str | None:
    test = test_of(document, other, metric)
    return None if test is None else f"{test['difference']:+.2f} (p = {test['p']:.4f})"


def write_aims(documents: dict[str, Any]) -> str:
    """Each aim with its numbers and whether they meet it."""
    rows: list[list[str]] = []
    for name, document in documents.items():
        systems = document["systems"]
        first = next(iter(systems))
        if document["task"] == "summary":
            for metric in ("rougeL", "bertscore"):
                strongest = best(systems, metric)
                rows += better(name, document, first, strongest, metric, most_p=SIGNIFICANT)
            rows += better(name, document, first, "lead", "bertscore")
        else:
            rows += better(name, document, first, best(systems, "bert_ibleu"), "bert_ibleu")
            rows += better(name, document, first, "M1", "bert_ibleu")
        for student, found in document["control"].items():
            for part, least in (("length", 0.8), ("style", 0.7)):
                value = found[part]
                met = "yes" if value >= least else Markdown("**no**")
                rows.append([f"{name}: {student}, {part} obeyed", f"{value:.3f} of {least}", met])
    return table(["aim", "measured", "reached"], rows)


def best(systems: Any, metric: str) -> str | None:
    there = [name for name in TEACHERS if name in systems and metric in systems[name]["metrics"]]
    return max(there, key=lambda n: float(systems[n]["metrics"][metric]["value"]), default=None)


def better(
    name: str, document: Any, first: str, other: str | None, metric: str, most_p: float = 1.0
) -> list[list[str]]:
    """The aim that one system is above another, if both were judged; p has to be below `most_p`."""
    test = None if other is None else test_of(document, other, metric)
    if test is None:
        return []
    met = test["difference"] > 0 and test["p"] < most_p
    difference = f"{test['difference']:+.2f}, p = {test['p']:.4f}"
    aim = f"{name}: {first} above {other} in {metric}"
    aim += f", p < {most_p:g}" if most_p < 1.0 else ""
    return [[aim, difference, "yes" if met else Markdown("**no**")]]


def control(documents: dict[str, Any]) -> str:
    rows = []
    for name, document in documents.items():
        for student, found in document["control"].items():
            rows.append([name, student, "all", found["length"], found["style"], found["control"]])
            for code, one in found["by_code"].items():
                rows.append([name, student, code, one["length"], one["style"], one["control"]])
    return table(["data", "student", "code", "length", "style", "both"], rows)


def outputs(path: Path) -> str:
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


def definitions(documents: dict[str, Any]) -> str:
    found: dict[str, str] = {}
    for document in documents.values():
        for name, text in document["signatures"].items():
            found.setdefault(name, text)
    return "\n".join(f"- {name}: {text}" for name, text in found.items())
