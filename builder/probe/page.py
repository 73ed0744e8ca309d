"""The proximity probe as a page of Markdown, its pictures, and all numbers as JSON."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.models import public_name
from builder.probe.estimates import Estimate
from builder.probe.findings import GROUPS, VERDICTS, Cell, Findings
from builder.probe.proximity import Probe
from builder.report.drawing import Picture, write_pictures
from builder.report.text import shorten
from builder.report.themes import LIGHT
from builder.versions import library_versions
from cards.escape import Markdown
from cards.render import environment
from cards.tables import table
from dimsum.files import write_json, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = (LIGHT["accent"], LIGHT["kept"], LIGHT["second"], LIGHT["soft"], LIGHT["ink"])
MARKS = ("o", "s", "^", "D", "v")


def write_page(probe: Probe, page: Path, command: Sequence[str]) -> list[Path]:
    """Write the page, its pictures beside it, and all numbers as JSON; return the files.

    Args:
        command: that made it.

    Raises:
        BuilderError: the disk failed.
    """
    files = write_pictures(_pictures(probe.findings), page.parent / "pictures")
    numbers = page.with_suffix(".json")
    write_json(numbers, as_json(probe))
    templates = environment("builder.probe").overlay()
    templates.filters = {**templates.filters, "estimate": _format}
    text = templates.get_template("proximity.md.j2").render(
        vars(probe),
        found=probe.findings,
        teacher=public_name(probe.settings.teacher),
        tables=_tables(probe),
        verdicts=VERDICTS,
        versions={n: v for n, v in library_versions().items() if n in SHOWN},
        command=Markdown(shlex.join(command)),
    )
    write_text(page, text)
    return [page, numbers, *files]


SHOWN = ("python", "torch", "transformers", "spacy")
"""Libraries whose versions the page gives."""


def as_json(probe: Probe) -> dict[str, Any]:
    """Every number of the page, JSON-able."""
    settings = probe.settings.model_dump(mode="json")
    for role in ("teacher", "critic"):
        settings[role] = public_name(settings[role])
    found = asdict(probe.findings)
    return {"settings": settings, "source": probe.source, "seconds": probe.seconds, **found}


def _tables(probe: Probe) -> dict[str, Markdown]:
    found = probe.findings
    likeness = found.likeness
    return {
        "claims": table(
            ("claim", "number that decides it", "found", "verdict"),
            [(c.text, c.number, _format(c.found), c.verdict) for c in found.claims],
        ),
        "lengths": _cells(
            "sentences in the context", [(f"{c.length}", c) for c in found.by_length]
        ),
        "temperatures": _cells(
            "temperature", [(f"{c.temperature:g}", c) for c in found.by_temperature]
        ),
        "cells": _cells(
            "sentences, temperature", [(f"{c.length}, {c.temperature:g}", c) for c in found.cells]
        ),
        "means": table(
            ("layer", *(f"{group} (n)" for group in GROUPS)),
            [
                (one.layer, *(f"{_format(one.means[g])} ({one.pairs[g]:,})" for g in GROUPS))
                for one in likeness
            ],
        ),
        "effects": table(
            ("layer", "comparison", "Cohen's d"),
            [
                (one.layer, n, _format(effect))
                for one in likeness
                for n, effect in one.effects.items()
            ],
        ),
        "examples": table(
            ("temperature", "one", "the other"),
            [(f"{t:g}", shorten(a, 300), shorten(b, 300)) for t, a, b in probe.examples],
        ),
    }


def _cells(head: str, cells: Iterable[tuple[str, Cell]]) -> Markdown:
    names = ("drawn", "distinct", "pairs judged", "mutually entailing, %")
    rows = [
        (
            n,
            c.drawn,
            c.distinct,
            c.pairs,
            _format(c.share, 100),
            _format(c.self_bleu),
            _format(c.other_bleu),
        )
        for n, c in cells
    ]
    return table((head, *names, "Self-BLEU of them", "BLEU of the others"), rows)


def _format(one: Estimate, factor: float = 1, unit: str = "") -> str:
    if one.value is None:
        return "–"
    value = f"{_number(factor * one.value)}{unit}"
    if one.low is None or one.high is None:
        return value
    return f"{value} ({_number(factor * one.low)} to {_number(factor * one.high)})"


def _number(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _pictures(found: Findings) -> list[Picture]:
    """Share and Self-BLEU by length of context, and likeness of states by group."""
    by_length = [("share", 100, "Mutually entailing pairs", "mutually entailing pairs, %")]
    by_length += [
        ("self_bleu", 1, "Self-BLEU of mutually entailing pairs", "Self-BLEU of such pairs")
    ]
    pictures = [
        Picture(
            f"proximity-{measure.replace('_', '-')}",
            f"{title} by sentences in the context",
            "; ".join(
                f"{c.length} sentences: {_format(getattr(c, measure), factor)}"
                for c in found.by_length
            ),
            partial(_draw_lengths, found.cells, measure, factor, label),
            height=3.2,
        )
        for measure, factor, title, label in by_length
    ]
    alt = [f"{x.layer} layer, {g}: {_format(x.means[g])}" for x in found.likeness for g in GROUPS]
    draw = partial(_draw_states, found)
    states = Picture("proximity-states", "Likeness of hidden states", "; ".join(alt), draw)
    return [*pictures, states]


def _draw_lengths(
    cells: tuple[Cell, ...], measure: str, factor: float, label: str, figure: Figure
) -> None:
    axes = figure.subplots()
    temperatures = list(dict.fromkeys(cell.temperature for cell in cells))
    for number, temperature in enumerate(temperatures):
        some = [cell for cell in cells if cell.temperature == temperature]
        shift = 0.08 * (number - (len(temperatures) - 1) / 2)
        xs = [(cell.length or 0) + shift for cell in some]
        ys = [getattr(cell, measure) for cell in some]
        name = f"{temperature:g}" if number else f"temperature {temperature:g}"
        _draw(axes, xs, ys, number, name, factor)
    axes.set_ylim(bottom=0)
    axes.set_xticks(sorted({cell.length for cell in cells if cell.length is not None}))
    axes.grid(axis="x", visible=False)
    axes.set_xlabel("sentences in the context")
    axes.set_ylabel(label)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(temperatures), borderpad=0)


def _draw_states(found: Findings, figure: Figure) -> None:
    axes = figure.subplots()
    for number, one in enumerate(found.likeness):
        shift = 0.16 * (number - (len(found.likeness) - 1) / 2)
        rows = [row + shift for row in range(len(GROUPS))]
        _draw(axes, rows, [one.means[g] for g in GROUPS], number, f"{one.layer} layer", across=True)
    axes.set_yticks(range(len(GROUPS)), GROUPS)
    axes.invert_yaxis()
    axes.set_xlabel("mean cosine of centred states")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0)


def _draw(
    axes: Any,
    positions: Sequence[float],
    estimates: Sequence[Estimate],
    number: int,
    label: str,
    factor: float = 1,
    across: bool = False,
) -> None:
    """Estimates with their intervals: upright and connected, or lying across."""
    nan = float("nan")
    values = [nan if one.value is None else factor * one.value for one in estimates]
    ends = [
        [
            nan if end is None else abs(factor * end - value)
            for end, value in zip(some, values, strict=True)
        ]
        for some in ([one.low for one in estimates], [one.high for one in estimates])
    ]
    colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
    how = {"color": colour, "markersize": 4.5, "linewidth": 1.4, "elinewidth": 1.0, "label": label}
    if across:
        axes.errorbar(values, positions, xerr=ends, fmt=mark, **how)
    else:
        axes.errorbar(positions, values, yerr=ends, fmt=f"-{mark}", **how)
