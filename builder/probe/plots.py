"""The pictures of the proximity probe."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from builder.probe.estimates import Estimate
from builder.probe.findings import GROUPS, Cell, Findings
from builder.report.drawing import Picture
from builder.report.themes import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (LIGHT["accent"], LIGHT["kept"], LIGHT["second"], LIGHT["soft"], LIGHT["ink"])
MARKS = ("o", "s", "^", "D", "v")


def pictures(found: Findings) -> list[Picture]:
    """Share and Self-BLEU by length of context, and likeness of states by group."""
    return [
        Picture(
            "proximity-share",
            "Mutually entailing pairs by sentences in the context",
            "; ".join(f"{c.length} sentences: {_format(c.share, 100)} %" for c in found.by_length),
            partial(_lines, found.cells, "share", 100, "mutually entailing pairs, %"),
            height=3.2,
        ),
        Picture(
            "proximity-self-bleu",
            "Self-BLEU of mutually entailing pairs by sentences in the context",
            "; ".join(f"{c.length} sentences: {_format(c.self_bleu, 1)}" for c in found.by_length),
            partial(_lines, found.cells, "self_bleu", 1, "Self-BLEU of such pairs"),
            height=3.2,
        ),
        Picture(
            "proximity-states",
            "Likeness of hidden states",
            "; ".join(
                f"{one.layer} layer, {group}: {_format(one.means[group], 1)}"
                for one in found.likeness
                for group in GROUPS
            ),
            partial(_states, found),
            height=2.8,
        ),
    ]


def _format(one: Estimate, factor: float) -> str:
    return "not defined" if one.value is None else f"{factor * one.value:.2f}"


def _lines(
    cells: tuple[Cell, ...], measure: str, factor: float, label: str, figure: Figure
) -> None:
    axes = figure.subplots()
    temperatures = list(dict.fromkeys(cell.temperature for cell in cells))
    for number, temperature in enumerate(temperatures):
        some = [cell for cell in cells if cell.temperature == temperature]
        shift = 0.08 * (number - (len(temperatures) - 1) / 2)
        points = [(c.length + shift, getattr(c, measure)) for c in some if c.length is not None]
        _with_intervals(
            axes,
            points,
            factor,
            number,
            f"{temperature:g}" if number else f"temperature {temperature:g}",
        )
    axes.set_ylim(bottom=0)
    axes.set_xticks(sorted({cell.length for cell in cells if cell.length is not None}))
    axes.grid(axis="x", visible=False)
    axes.set_xlabel("sentences in the context")
    axes.set_ylabel(label)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(temperatures), borderpad=0)


def _with_intervals(
    axes: Axes, points: list[tuple[float, Estimate]], factor: float, number: int, label: str
) -> None:
    known = [(x, one) for x, one in points if one.value is not None]
    colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
    xs = [x for x, _ in known]
    ys = [factor * (one.value or 0) for _, one in known]
    axes.plot(xs, ys, color=colour, marker=mark, markersize=4.5, linewidth=1.4, label=label)
    for x, one in known:
        if one.low is not None and one.high is not None:
            axes.plot([x, x], [factor * one.low, factor * one.high], color=colour, linewidth=0.9)


def _states(found: Findings, figure: Figure) -> None:
    axes = figure.subplots()
    for number, one in enumerate(found.likeness):
        shift = 0.16 * (number - (len(found.likeness) - 1) / 2)
        for row, group in enumerate(GROUPS):
            mean = one.means[group]
            if mean.value is None:
                continue
            colour, mark, y = COLOURS[number], MARKS[number], row + shift
            if mean.low is not None and mean.high is not None:
                axes.plot([mean.low, mean.high], [y, y], color=colour, linewidth=1.2)
            label = f"{one.layer} layer" if row == 0 else None
            axes.plot([mean.value], [y], mark, color=colour, markersize=5, label=label)
    axes.set_yticks(range(len(GROUPS)), GROUPS)
    axes.invert_yaxis()
    axes.set_xlabel("mean cosine of centred states")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0)
