"""The page docs/experiments/proximity.md and its pictures, from what `proximity.py` found.

python scripts/reproduce/proximity_page.py docs/experiments/proximity.json
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from builder.report.drawing import Picture, write_pictures
from builder.report.text import shorten
from builder.report.themes import LIGHT
from cards.escape import Markdown, format_code
from cards.tables import format_table
from dimsum.files import write_text
from scripts.reproduce.proximity_findings import GROUPS, VERDICTS

PAGE = Path("docs/experiments/proximity.md")
COLOURS = (LIGHT["accent"], LIGHT["kept"], LIGHT["second"], LIGHT["soft"], LIGHT["ink"])
MARKS = "os^Dv"


def write_page(found: Mapping[str, Any], page: Path) -> None:
    """The page, its pictures beside it."""
    write_pictures(draw_pictures(found), page.parent / "pictures")
    write_text(page, format_page(found))


def show(one: Mapping[str, Any], factor: float = 1, unit: str = "") -> str:
    """A number with its interval."""

    def number(value: float) -> str:
        return f"{factor * value:.1f}" if abs(factor * value) >= 10 else f"{factor * value:.2f}"

    if one["value"] is None:
        return "–"
    value = f"{number(one['value'])}{unit}"
    return (
        value if one["low"] is None else f"{value} ({number(one['low'])} to {number(one['high'])})"
    )


def format_cells(head: str, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Markdown:
    names = ("drawn", "distinct", "pairs judged", "mutually entailing, %")
    return format_table(
        (head, *names, "Self-BLEU of them", "BLEU of the others"),
        [
            (
                name,
                *(c[count] for count in ("drawn", "distinct", "pairs")),
                show(c["share"], 100),
                show(c["self_bleu"]),
                show(c["other_bleu"]),
            )
            for name, c in rows
        ],
    )


def write_claims(found: Mapping[str, Any]) -> str:
    """The claims in words, by what may be said of them."""
    said = []
    for verdict, head in VERDICTS.items():
        texts = [c["text"] for c in found["claims"] if c["verdict"] == verdict]
        if texts:
            said.append(f"{head}: {'; '.join(text[0].lower() + text[1:] for text in texts)}.")
    return "\n\n".join(said)


def format_page(found: Mapping[str, Any]) -> str:
    settings, whole = found["settings"], found["whole"]
    few = (
        f"These are {whole['equivalent']} mutually entailing pairs of {found['documents']} texts, "
        "so intervals are rough and verdicts are to be read with care.\n\n"
        if whole["equivalent"] < 100
        else ""
    )
    claimed = format_table(
        ("claim", "number that decides it", "found", "verdict"),
        [(c["text"], c["number"], show(c["found"]), c["verdict"]) for c in found["claims"]],
    )
    lengths = format_cells(
        "sentences in the context", [(f"{c['length']}", c) for c in found["by_length"]]
    )
    by_temperature = format_cells(
        "temperature", [(f"{c['temperature']:g}", c) for c in found["by_temperature"]]
    )
    every = format_cells(
        "sentences, temperature",
        [(f"{c['length']}, {c['temperature']:g}", c) for c in found["cells"]],
    )
    means = format_table(
        ("layer", *(f"{group} (n)" for group in GROUPS)),
        [
            (x["layer"], *(f"{show(x['means'][g])} ({x['pairs'][g]:,})" for g in GROUPS))
            for x in found["likeness"]
        ],
    )
    effects = format_table(
        ("layer", "comparison", "Cohen's d"),
        [(x["layer"], n, show(one)) for x in found["likeness"] for n, one in x["effects"].items()],
    )
    examples = format_table(
        ("temperature", "one", "the other"),
        [(f"{t:g}", shorten(a, 300), shorten(b, 300)) for t, a, b in found["examples"]],
    )
    if found["examples"]:
        examples = Markdown(
            f"## The first mutually entailing pair of each temperature\n\n{examples}\n\n"
        )
    return f"""# Does the teacher say the same thing again?

Of {whole["pairs"]:,} pairs of distinct next sentences that {format_code(settings["teacher"])} \
wrote after the same context, {show(whole["share"], 100, " %")} entail each other, with a \
Self-BLEU of {show(whole["self_bleu"])}.

{few}{write_claims(found)}

The paper draws 100 next sentences after each of 1,000 contexts of XSUM articles, judges pairs \
with a WANLI model and finds a mean Self-BLEU of about 32 over equivalent pairs, where the pairs \
of MRPC, written by people, have 39 (arXiv 2305.16635 v4, section 2). Teacher, contexts, critic \
and BLEU differ here, so the numbers are not to be compared; the directions are.

## Claims

{claimed}

## By length of the context

![Share of mutually entailing pairs](pictures/proximity-share.svg)

{lengths}

## By temperature

{by_temperature}

## Every length at every temperature

![Self-BLEU of mutually entailing pairs](pictures/proximity-self-bleu.svg)

{every}

## Hidden states

Cosines of the teacher's mean hidden states of two sentences, each read without its context, less \
the mean of all sentences; the first position is a token of its own and does not count. Cohen's d \
is the distance of two means in standard deviations.

![Likeness of hidden states](pictures/proximity-states.svg)

{means}

{effects}

{examples}## How it was made

- Contexts: the first sentences of {found["documents"]} texts, {found["source"]}; every length of \
context is measured on the same texts.
- Next sentences: {settings["samples"]} of each context and temperature, nucleus \
{settings["top_p"]}, no 3-gram twice; only whole sentences count.
- Pairs: at most {settings["pairs"]} of the distinct sentences of a context and temperature; two \
sentences are equivalent when entailment is the critic's likeliest label in both directions.
- BLEU: sacrebleu sentence BLEU, effective order, mean of both directions, 0 to 100.
- Intervals: 95 %, {settings["replicates"]:,} bootstrap replicates over the texts.
- Models: {"; ".join(found["notes"])}. Seed {settings["seed"]}.
- Versions: {", ".join(f"{name} {version}" for name, version in found["versions"].items())}.
- Time: {"; ".join(f"{part} {took:.0f} s" for part, took in found["seconds"].items())}.
- All numbers: `proximity.json` beside this page.

```bash
{format_command(settings)}
```
"""


def format_command(settings: Mapping[str, Any]) -> str:
    words = ["python", "scripts/reproduce/proximity.py"]
    for name, value in settings.items():
        shown = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        words += [f"--{name.replace('_', '-')}", shown]
    return shlex.join(words)


def draw_pictures(found: Mapping[str, Any]) -> list[Picture]:
    """Share and Self-BLEU by length of context, and likeness of states by group."""
    kinds = [("share", 100, "Mutually entailing pairs", "mutually entailing pairs, %")]
    kinds += [("self_bleu", 1, "Self-BLEU of mutually entailing pairs", "Self-BLEU of such pairs")]
    by_length = [
        Picture(
            f"proximity-{measure.replace('_', '-')}",
            f"{title} by sentences in the context",
            "; ".join(
                f"{c['length']} sentences: {show(c[measure], factor)}" for c in found["by_length"]
            ),
            partial(draw_lengths, found["cells"], measure, factor, label),
            height=3.2,
        )
        for measure, factor, title, label in kinds
    ]
    alt = [
        f"{x['layer']} layer, {g}: {show(x['means'][g])}" for x in found["likeness"] for g in GROUPS
    ]
    draw_them = partial(draw_states, found["likeness"])
    return [
        *by_length,
        Picture("proximity-states", "Likeness of hidden states", "; ".join(alt), draw_them),
    ]


def draw_lengths(
    cells: Sequence[Mapping[str, Any]], measure: str, factor: float, label: str, figure: Any
) -> None:
    axes = figure.subplots()
    temperatures = list(dict.fromkeys(cell["temperature"] for cell in cells))
    for number, temperature in enumerate(temperatures):
        some = [cell for cell in cells if cell["temperature"] == temperature]
        shift = 0.08 * (number - (len(temperatures) - 1) / 2)
        name = f"{temperature:g}" if number else f"temperature {temperature:g}"
        places = [cell["length"] + shift for cell in some]
        draw(axes, places, [cell[measure] for cell in some], number, name, factor)
    axes.set_ylim(bottom=0)
    axes.set_xticks(sorted({cell["length"] for cell in cells}))
    axes.grid(axis="x", visible=False)
    axes.set_xlabel("sentences in the context")
    axes.set_ylabel(label)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(temperatures), borderpad=0)


def draw_states(likeness: Sequence[Mapping[str, Any]], figure: Any) -> None:
    axes = figure.subplots()
    for number, one in enumerate(likeness):
        shift = 0.16 * (number - (len(likeness) - 1) / 2)
        rows = [row + shift for row in range(len(GROUPS))]
        means = [one["means"][group] for group in GROUPS]
        draw(axes, rows, means, number, f"{one['layer']} layer", across=True)
    axes.set_yticks(range(len(GROUPS)), GROUPS)
    axes.invert_yaxis()
    axes.set_xlabel("mean cosine of centred states")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0)


def draw(
    axes: Any,
    positions: Sequence[float],
    estimates: Sequence[Mapping[str, Any]],
    number: int,
    label: str,
    factor: float = 1,
    across: bool = False,
) -> None:
    """Estimates with their intervals: upright and connected, or lying across."""
    nan = float("nan")
    values, low, high = (
        [nan if one[key] is None else factor * one[key] for one in estimates]
        for key in ("value", "low", "high")
    )
    ends = [[abs(e - v) for e, v in zip(some, values, strict=True)] for some in (low, high)]
    how = {
        "color": COLOURS[number % len(COLOURS)],
        "markersize": 4.5,
        "linewidth": 1.4,
        "elinewidth": 1.0,
        "label": label,
    }
    mark = MARKS[number % len(MARKS)]
    if across:
        axes.errorbar(values, positions, xerr=ends, fmt=mark, **how)
    else:
        axes.errorbar(positions, values, yerr=ends, fmt=f"-{mark}", **how)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("numbers", type=Path)
    asked = parser.parse_args()
    found = json.loads(asked.numbers.read_text(encoding="utf-8"))
    write_page(found, asked.numbers.with_suffix(".md"))


if __name__ == "__main__":
    main()
