"""Free sampling against sampling under keywords: what a teacher's time buys.

    python scripts/reproduce/generation.py runs/generation

builds one small corpus for every temperature and recipe, all from the same contexts, and writes
`docs/experiments/generation.md` and its picture from the runs' own files. A recipe spends the
same number of candidates on each context: all drawn freely, or half drawn freely and half decoded
under one, or three, keywords of those. Interrupted, the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from builder.config import BuildConfig, load_config
from builder.errors import GateError
from builder.methods.parallel import ParallelSettings
from builder.methods.sequential import SequentialSettings
from builder.pool import find_pool
from builder.progress import Progress
from builder.run import build, resolve_header
from builder.statistics.funnel import count_funnel
from builder.store import Run
from builder.versions import list_versions
from cards.tables import format_table
from dimsum.metrics.bootstrap import draw_resamples, find_percentiles
from dimsum.settings import apply_overrides

PAGE = Path("docs/experiments/generation.md")
TEMPERATURES = (0.5, 0.7, 0.9)
RECIPES = {"parallel": 0, "sequential, 1 keyword": 1, "sequential, 3 keywords": 3}
SHARE = 0.5
"""Of the candidates of a sequential recipe, those that are decoded under keywords."""
MEASURES = ("rouge_l", "density", "compression")
DRAWS = 2000


@dataclass(frozen=True)
class Arm:
    """One recipe at one temperature, and the folder of its run."""

    recipe: str
    temperature: float
    config: BuildConfig
    folder: Path


def list_arms(arguments: argparse.Namespace) -> list[Arm]:
    found = []
    for temperature in TEMPERATURES:
        for recipe, keywords in RECIPES.items():
            changes = [
                f"contexts.openings={arguments.openings}",
                f"candidates.samples={arguments.samples}",
            ]
            name = f"{recipe.replace(', ', '-').replace(' ', '-')}-{temperature}"
            config = load_config(arguments.config, (*changes, *arguments.set))
            methods = json.dumps(list_methods(config, temperature, keywords))
            config = apply_overrides(config, (f"candidates.methods={methods}",))
            found.append(Arm(recipe, temperature, config, arguments.runs / name))
    return found


def list_methods(config: BuildConfig, temperature: float, keywords: int) -> list[dict[str, Any]]:
    """A recipe's methods, with the configuration's own settings where it has the kind."""
    own = {method.kind: method for method in config.candidates.methods}
    free = {**own["parallel"].model_dump(mode="json"), "temperature": temperature}
    if not keywords:
        return [{**free, "share": 1.0}]
    bound = own.get("sequential", SequentialSettings()).model_dump(mode="json")
    return [{**free, "share": 1 - SHARE}, {**bound, "share": SHARE, "keywords": keywords}]


def count_constrained(config: BuildConfig) -> int:
    """Candidates of a context that are decoded under keywords."""
    candidates = config.candidates
    pairs = zip(candidates.methods, candidates.counts, strict=True)
    return sum(count for method, count in pairs if method.kind == "sequential")


def build_all(todo: list[Arm]) -> None:
    """Build every arm; the first one's contexts serve all."""
    first = todo[0]
    header = resolve_header(Run.create(first.folder), first.config)
    progress = Progress()
    pool = find_pool(first.config, header["models"])  # loaded here, so that no arm pays for it
    pool.teacher(), pool.critic(), pool.encoder()
    for number, arm in enumerate(todo, start=1):
        progress.say(f"{number}/{len(todo)} {arm.recipe}, temperature {arm.temperature}")
        if not arm.folder.exists():
            scratch = arm.folder.with_suffix(".copy")
            shutil.rmtree(scratch, ignore_errors=True)
            shutil.copytree(first.folder / "contexts", scratch / "contexts")
            shutil.copy(first.folder / "run.json", scratch)
            scratch.rename(arm.folder)
        try:
            build(arm.config, arm.folder, progress=progress, keep_models=True)
        except GateError as gate:
            progress.say(f"{arm.folder}: {gate.message}")


def count_accepted(arm: Arm) -> list[dict[str, Any]]:
    """Pairs that the rules and the duplicates of a context let through."""
    run = Run.open(arm.folder)
    shards = sorted(path.stem for path in (arm.folder / "duplicates").glob("*.json"))
    return [row for s in shards for row in run.read("duplicates", int(s)).to_pylist()]


def count_per_context(arm: Arm, rows: list[dict[str, Any]]) -> np.ndarray[Any, Any]:
    """Accepted pairs of every context, those that gave none included."""
    run = Run.open(arm.folder)
    shards = sorted(path.stem for path in (arm.folder / "contexts").glob("*.json"))
    names = [n for s in shards for n in run.read("contexts", int(s))["context_id"].to_pylist()]
    counts = dict.fromkeys(names, 0)
    for row in rows:
        counts[row["context_id"]] += 1
    return np.array(list(counts.values()), dtype=float)


def count_seconds(arm: Arm) -> float:
    """Seconds that the candidates of an arm took, models already loaded."""
    sidecars = (arm.folder / "candidates").glob("*.json")
    return max(1e-3, sum(json.loads(path.read_text())["seconds"] for path in sidecars))


def measure_arm(arm: Arm) -> dict[str, Any]:
    """One row of the table."""
    steps = {step.stage: step for step in count_funnel(Run.open(arm.folder), arm.config)}
    drawn = steps["candidates"]
    rows = count_accepted(arm)
    bound = count_constrained(arm.config)
    branch = "sequential" if bound else "parallel"
    own = [row for row in rows if row["method"] == branch]
    counts = count_per_context(arm, rows)
    asked = len(counts) * arm.config.candidates.samples
    sums = draw_resamples(len(counts), DRAWS) @ counts
    low, high = (end * 1000 / asked for end in find_percentiles(sums))
    seconds = count_seconds(arm)
    unmet = drawn.rejected.get("unsatisfied_keywords", 0)
    return {
        "recipe": arm.recipe,
        "temperature": arm.temperature,
        "contexts": len(counts),
        "candidates": asked,
        "sentences": drawn.kept,
        "unmet": unmet / (bound * len(counts)) if bound else None,
        "teacher_seconds": seconds,
        "critic_pairs": steps["pairs"].kept,
        "paraphrase": sum(row["task"] == "paraphrase" for row in rows),
        "summary": sum(row["task"] == "summary" for row in rows),
        "per_1000": len(rows) * 1000 / asked,
        "per_1000_low": low,
        "per_1000_high": high,
        "per_teacher_second": len(rows) / seconds,
        "branch_pairs": len(own),
        **{m: float(np.mean([row[m] for row in own])) if own else None for m in MEASURES},
    }


def format_tables(rows: list[dict[str, Any]]) -> str:
    def digits(value: float | None, n: int) -> str | None:
        return None if value is None or math.isnan(value) else f"{value:.{n}f}"

    found = [
        [
            *(r["recipe"], f"{r['temperature']}", r["candidates"], r["sentences"]),
            None if r["unmet"] is None else f"{r['unmet']:.1%}",
            *(r["paraphrase"], r["summary"]),
            f"{r['per_1000']:.1f} ({r['per_1000_low']:.1f} to {r['per_1000_high']:.1f})",
            f"{r['teacher_seconds']:.0f}",
            r["per_teacher_second"],
        ]
        for r in rows
    ]
    like = [
        [
            *(r["recipe"], f"{r['temperature']}", r["branch_pairs"]),
            *(digits(r["rouge_l"], 3), digits(r["density"], 2), digits(r["compression"], 3)),
        ]
        for r in rows
    ]
    head = ["recipe", "T", "candidates", "kept sentences", "keywords not met", "paraphrases"]
    head += ["summaries", "accepted per 1,000 candidates", "teacher seconds"]
    second = ["recipe", "T", "pairs of the recipe's own branch", "ROUGE-L", "density"]
    return "\n\n".join(
        [
            format_table([*head, "accepted per teacher second"], found),
            format_table([*second, "compression"], like),
        ]
    )


def format_best(rows: list[dict[str, Any]], key: str) -> str:
    top = max(rows, key=lambda r: r[key])
    return f"{top['recipe']} at temperature {top['temperature']} ({top[key]:.2f})"


def choose_best_two(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The free recipe and the constrained one that find most in the same contexts."""
    kinds = [[r for r in rows if (r["recipe"] == "parallel") is free] for free in (True, False)]
    return [max(kind, key=lambda r: r["per_1000"]) for kind in kinds]


def write_verdict(rows: list[dict[str, Any]]) -> str:
    """What the table says, computed from it."""
    free, bound = choose_best_two(rows)
    apart = (
        free["per_1000_low"] > bound["per_1000_high"]
        or bound["per_1000_low"] > free["per_1000_high"]
    )
    return (
        f"Most accepted pairs per 1,000 candidates: {format_best(rows, 'per_1000')}. "
        f"Most per teacher second: {format_best(rows, 'per_teacher_second')}. "
        f"The best free and the best constrained recipe lie "
        f"{'apart' if apart else 'within each other’s intervals'} in yield per candidate "
        f"({free['per_1000']:.1f} and {bound['per_1000']:.1f} per 1,000); per teacher second they "
        f"stand at {free['per_teacher_second']:.2f} and {bound['per_teacher_second']:.2f}."
    )


def write_consequence(rows: list[dict[str, Any]], preset: BuildConfig, name: str) -> str:
    """What the preset takes from it, beside what it leaves."""
    candidates = preset.candidates
    free, bound = choose_best_two(rows)
    temperature = next(m for m in candidates.methods if isinstance(m, ParallelSettings)).temperature
    why = "" if temperature in TEMPERATURES else " (none of these; the preset says why)"
    return (
        f"`{Path(name).stem}` draws at temperature {temperature}{why} with a "
        f"sequential share of {count_constrained(preset) / candidates.samples:g}. "
        f"Where contexts are what is dear and not time, a sequential share of {SHARE} with "
        f"{RECIPES[bound['recipe']]} keywords at temperature "
        f"{bound['temperature']} finds {bound['per_1000']:.1f} pairs per 1,000 candidates instead "
        f"of {free['per_1000']:.1f}, in "
        f"{bound['teacher_seconds'] / free['teacher_seconds']:.1f} times the teacher's time."
    )


def draw_picture(rows: list[dict[str, Any]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "generation"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), constrained_layout=True)
    titles = {
        "per_1000": "accepted pairs per 1,000 candidates",
        "per_teacher_second": "accepted pairs per teacher second",
    }
    for axis, (key, title) in zip(axes, titles.items(), strict=True):
        for recipe in RECIPES:
            mine = [r for r in rows if r["recipe"] == recipe]
            x, y = [r["temperature"] for r in mine], [r[key] for r in mine]
            if key == "per_1000":
                spread = [
                    [r["per_1000"] - r["per_1000_low"] for r in mine],
                    [r["per_1000_high"] - r["per_1000"] for r in mine],
                ]
                axis.errorbar(x, y, yerr=spread, marker="o", capsize=3, label=recipe)
            else:
                axis.plot(x, y, marker="o", label=recipe)
        axis.set(xlabel="temperature", title=title, xticks=TEMPERATURES)
        axis.set_ylim(bottom=0)
        axis.spines[["top", "right"]].set_visible(False)
    axes[1].legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


def format_page(rows: list[dict[str, Any]], todo: list[Arm], picture_name: str, preset: str) -> str:
    config = todo[0].config
    models = Run.open(todo[0].folder).header()["models"]
    free, search = next(a.config for a in todo if count_constrained(a.config)).candidates.methods
    assert isinstance(free, ParallelSettings) and isinstance(search, SequentialSettings)
    return f"""# Free sampling and sampling under keywords

Written by `scripts/reproduce/generation.py` from {len(rows)} builds with one set of
{rows[0]["contexts"]} contexts and {config.candidates.samples} candidates of each.

Teacher {models["teacher"]["reference"]} in {models["teacher"]["dtype"]},
critic {models["critic"]["reference"]} ({models["critic"]["identity"][:19]}),
seed {config.seed}, on {platform.machine()}.

A *parallel* candidate is drawn freely at the temperature T and top-p {free.top_p}.
In the *sequential* recipes half of the candidates are drawn so; each other one is decoded by
NeuroLogic after the same context ({search.beams} beams) and must contain one, or three, keywords
(YAKE) of a drawn one.
All pairs of a context then go through the same rules and the same removal of duplicates;
"accepted" counts what is left.
Intervals are 95% bootstraps over contexts.
Teacher seconds are those of the candidates alone, models already loaded, critics not counted,
each measured once: between runs of like work they differ by up to a third.

{write_verdict(rows)}

{write_consequence(rows, load_config(preset), preset)}

![Yield by recipe and temperature]({picture_name})

{format_tables(rows)}

Compression is the ratio of characters, target over source; density is that of the extractive
fragments.
The second table looks at the pairs that the recipe adds: those with at least one constrained
sentence, or all of them for *parallel*.

Versions: {", ".join(f"{name} {number}" for name, number in list_versions().items())}.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", type=Path, help="folder for the builds")
    parser.add_argument("--config", default="embedded", help="preset or YAML that the arms vary")
    parser.add_argument("--openings", type=int, default=6)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--set", action="append", default=[], metavar="a.b=c")
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    todo = list_arms(arguments)
    build_all(todo)
    rows = [measure_arm(arm) for arm in todo]
    arguments.page.parent.mkdir(parents=True, exist_ok=True)
    picture_file = arguments.page.with_suffix(".svg")
    draw_picture(rows, picture_file)
    arguments.page.write_text(format_page(rows, todo, picture_file.name, arguments.config))
    print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
