"""The pictures of a report."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from builder.report.distributions import ACROSS, UP
from builder.report.drawing import Picture
from builder.report.model import Breakdown, Grid, Histogram, Report, Share
from builder.report.themes import LIGHT
from builder.statistics.funnel import Step

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LABEL = 26
"""Characters of a label on an axis."""
LINE = 48
"""Characters of a line below an axis."""


def draw_pictures(report: Report) -> list[Picture]:
    """Every picture that the report has something for."""
    found = []
    if report.steps:
        found.append(draw_funnel(report.steps))
    for one in (*report.histograms, *report.lengths):
        found.append(_picture_histogram(one))
    if report.grid is not None:
        found.append(_picture_grid(report.grid))
    if report.controls:
        found.append(_picture_bars("controls", "Control codes", report.controls))
    for breakdown in report.breakdowns:
        if breakdown.name == "length":
            found.append(_picture_yields(breakdown))
    if report.repeats is not None:
        found.append(_picture_histogram(report.repeats.histogram))
    return found


def draw_funnel(steps: Sequence[Step]) -> Picture:
    """What entered each stage and what went on, on a scale of powers of ten."""
    words = "; ".join(
        f"{step.stage.replace('_', ' ')}: {step.kept:,} of {step.entered:,} {step.counted}"
        for step in steps
    )
    return Picture(
        "funnel",
        "What entered each stage, and what went on",
        words,
        partial(_draw_funnel, steps),
        height=0.9 + 0.42 * len(steps),
    )


def _draw_funnel(steps: Sequence[Step], figure: Figure) -> None:
    axes = figure.subplots()
    positions = range(len(steps))
    entered = [max(step.entered, 0.8) for step in steps]
    kept = [max(step.kept, 0.8) for step in steps]
    axes.barh(positions, entered, height=0.62, color=LIGHT["gone"], label="entered")
    axes.barh(positions, kept, height=0.62, color=LIGHT["kept"], label="went on")
    axes.set_xscale("log")
    axes.set_xlim(0.8, max(entered) * 40)
    for position, step in zip(positions, steps, strict=True):
        axes.text(
            max(step.entered, 1) * 1.25,
            position,
            f"{step.kept:,} of {step.entered:,}",
            va="center",
            fontsize=9,
        )
    axes.set_yticks(list(positions), [step.stage.replace("_", " ") for step in steps])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_formatter(_format_whole)
    axes.minorticks_off()
    axes.set_xlabel("rows; each line is ten times the one before")
    _add_legend(axes, 2)


def _picture_histogram(one: Histogram) -> Picture:
    words = "; ".join(
        f"{series.name}: half lie below {series.quantiles[1]:.2f}, "
        f"nine in ten between {series.quantiles[0]:.2f} and {series.quantiles[2]:.2f}"
        for series in one.series
    )
    name = f"histogram-{one.name.replace('_', '-')}"
    return Picture(name, one.title, words, partial(_draw_histogram, one))


def _draw_histogram(one: Histogram, figure: Figure) -> None:
    axes = figure.subplots()
    for series in one.series:
        total = sum(series.counts) or 1
        shares = [100 * count / total for count in series.counts]
        colour = series.colour or LIGHT["kept"]
        label = series.name if len(one.series) > 1 or series.colour else None
        axes.stairs(shares, one.edges, fill=True, color=colour, alpha=0.3)
        axes.stairs(shares, one.edges, color=colour, linewidth=1.4, label=label)
    axes.set_xlim(one.edges[0], one.edges[-1])
    axes.set_ylim(bottom=0)
    axes.grid(axis="x", visible=False)
    axes.yaxis.set_major_formatter(_format_percent)
    unit = one.unit + (" (the last bin also holds what lies above)" if one.beyond else "")
    axes.set_xlabel("\n".join(wrap(unit, LINE)))
    if len(one.series) > 1:
        _add_legend(axes, len(one.series))


def _format_whole(value: float, position: float) -> str:
    for size, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g} {name}"
    return f"{value:g}"


def _format_percent(value: float, position: float) -> str:
    return f"{value:g} %"


def _picture_grid(grid: Grid) -> Picture:
    best = max((count, x, y) for y, line in enumerate(grid.counts) for x, count in enumerate(line))
    _, x, y = best
    words = (
        f"The fullest cell has {ACROSS.shown} {grid.x_edges[x]:.2f} to {grid.x_edges[x + 1]:.2f} "
        f"and {UP.shown} {grid.y_edges[y]:.1f} to {grid.y_edges[y + 1]:.1f}"
    )
    title = f"{ACROSS.heading} by {UP.shown}"
    return Picture("grid", title, words, partial(_draw_grid, grid), height=3.1)


def _draw_grid(grid: Grid, figure: Figure) -> None:
    from matplotlib.patches import Rectangle

    axes = figure.subplots()
    top = max(max(line) for line in grid.counts)
    for y, line in enumerate(grid.counts):
        for x, count in enumerate(line):
            if count:
                corner = (grid.x_edges[x], grid.y_edges[y])
                width = grid.x_edges[x + 1] - grid.x_edges[x]
                height = grid.y_edges[y + 1] - grid.y_edges[y]
                # The square root lets a sparse cell still be seen beside the fullest.
                weight = 0.08 + 0.92 * (count / top) ** 0.5
                axes.add_patch(
                    Rectangle(corner, width, height, facecolor=LIGHT["accent"], alpha=weight, lw=0)
                )
    axes.set_xlim(grid.x_edges[0], grid.x_edges[-1])
    axes.set_ylim(grid.y_edges[0], grid.y_edges[-1])
    axes.set_xlabel(f"{ACROSS.shown}: short targets on the left")
    axes.set_ylabel(f"{UP.shown}: copied words at the top")
    axes.set_title(f"fullest cell: {top:,} rows", fontsize=9, color=LIGHT["soft"], loc="right")


def _picture_bars(name: str, title: str, shares: Sequence[Share]) -> Picture:
    words = "; ".join(f"{share.name}: {share.count:,}" for share in shares)
    height = 0.6 + 0.34 * len(shares)
    return Picture(name, title, words, partial(_draw_bars, shares), height=height)


def _draw_bars(shares: Sequence[Share], figure: Figure) -> None:
    total = sum(share.count for share in shares) or 1
    _draw_horizontal(
        figure,
        [share.name for share in shares],
        [share.count for share in shares],
        [f"{share.count:,}  ({100 * share.count / total:.0f} %)" for share in shares],
    )


def _picture_yields(breakdown: Breakdown) -> Picture:
    known = all(row.per_hundred is not None for row in breakdown.rows)
    words = "; ".join(
        f"{row.name}: {row.pairs:,} pairs"
        + (f", {row.per_hundred:.0f} for 100 contexts" if row.per_hundred is not None else "")
        for row in breakdown.rows
    )
    title = "Pairs from 100 contexts" if known else "Pairs"
    return Picture(
        f"yield-{breakdown.name}",
        f"{title}, {breakdown.title[0].lower()}{breakdown.title[1:]}",
        words,
        partial(_draw_yields, breakdown, known),
        height=0.6 + 0.34 * len(breakdown.rows),
    )


def _draw_yields(breakdown: Breakdown, known: bool, figure: Figure) -> None:
    values = [row.per_hundred if known else row.pairs for row in breakdown.rows]
    numbers = [float(value or 0) for value in values]
    _draw_horizontal(
        figure,
        [row.name for row in breakdown.rows],
        numbers,
        [f"{value:.0f}" for value in numbers],
    )


def _draw_horizontal(
    figure: Figure, names: Sequence[str], values: Sequence[float], labels: Sequence[str]
) -> None:
    axes = figure.subplots()
    positions = range(len(names))
    axes.barh(positions, values, height=0.62, color=LIGHT["accent"])
    longest = max(values, default=0) or 1
    axes.set_xlim(0, longest * 1.35)
    for position, value, label in zip(positions, values, labels, strict=True):
        axes.text(value + longest * 0.02, position, label, va="center", fontsize=9)
    axes.set_yticks(list(positions), [_clip(name) for name in names])
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)


def _clip(name: str) -> str:
    return name if len(name) <= LABEL else name[: LABEL - 1] + "…"


def _add_legend(axes: Any, columns: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderpad=0)
