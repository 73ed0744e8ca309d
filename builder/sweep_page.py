"""A sweep as a page, and its plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cards.tables import format_table

MOST_LABELS = 3
"""Combinations whose values are written at one dot."""


def format_page(document: Mapping[str, Any]) -> str:
    """The sweep as Markdown."""
    return (
        "\n\n".join(
            [
                f"# Sweep of {document['config']}",
                "Released pairs, their mean P(valid) and measures of diversity as `dimsum stats` "
                "defines them, each with its 95% interval; and the units that were made for a "
                "line, the rest being those of an earlier one. P(valid) is the model's word; what "
                "readers found of a run stands on its card.",
                format_points(document),
                "![Yield and P(valid) of each combination](sweep.svg)",
            ]
        )
        + "\n"
    )


def format_points(document: Mapping[str, Any]) -> str:
    """A line for each combination of values."""
    keys = list(document["axes"])
    tasks = sorted({task for point in document["points"] for task in point["pairs"]})
    measured = list(dict.fromkeys(name for p in document["points"] for name in p["statistics"]))
    lines = []
    for point in document["points"]:
        cells: list[Any] = [str(point["values"][key]) for key in keys]
        for task in tasks:
            cells.append(point["pairs"].get(task, 0))
            cells.append(_format_interval(point["validity"].get(task), ".2f"))
        cells += [_format_interval(point["statistics"].get(name), ".1f") for name in measured]
        cells.append(", ".join(f"{n} {stage}" for stage, n in point["made"].items()) or "nothing")
        lines.append(cells)
    of_tasks = [words for task in tasks for words in (f"{task} pairs", f"P(valid) of {task}")]
    head = [*keys, *of_tasks, *measured, "units made"]
    return format_table(head, lines, "r")


def _format_interval(found: Sequence[float | None] | None, form: str) -> str:
    """A value with its interval, where there are rows enough for them."""
    value, low, high = (
        None if one is None else format(one, form) for one in found or [None, None, None]
    )
    if value is None:
        return "-"
    return value if low is None else f"{value} ({low} to {high})"


def draw(points: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Yield against mean P(valid), a dot with its interval for each combination and task.

    Combinations that gave the same share a dot.
    """
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "sweep"
    import matplotlib.pyplot as plt

    tasks = sorted({task for point in points for task in point["pairs"]}) or [""]
    size = (6 * len(tasks), 4)
    figure, grid = plt.subplots(1, len(tasks), figsize=size, constrained_layout=True, squeeze=False)
    for axes, task in zip(grid[0], tasks, strict=True):
        labels: dict[tuple[float, ...], list[str]] = {}
        for point in points:
            if task in point["validity"]:
                position = (point["pairs"][task], *point["validity"][task])
                said = ", ".join(str(value) for value in point["values"].values())
                labels.setdefault(position, []).append(said)
        for (total, value, low, high), said_here in labels.items():
            axes.errorbar(total, value, yerr=[[value - low], [high - value]], fmt="o", capsize=3)
            text = "\n".join(said_here) if len(said_here) <= MOST_LABELS else "several"
            axes.annotate(text, (total, value), xytext=(6, 4), textcoords="offset points", size=8)
        axes.set_title(task)
        axes.set_xlabel("released pairs")
        axes.set_ylabel("mean P(valid)")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
