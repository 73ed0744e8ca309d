"""A sweep as a page, and its plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cards.tables import table


def page(document: Mapping[str, Any]) -> str:
    """The sweep as Markdown."""
    keys = list(document["axes"])
    tasks = sorted({task for point in document["points"] for task in point["pairs"]})
    measured = list(dict.fromkeys(name for p in document["points"] for name in p["statistics"]))
    lines = []
    for point in document["points"]:
        cells: list[Any] = [str(point["values"][key]) for key in keys]
        cells += [point["pairs"].get(task, 0) for task in tasks]
        cells.append(_interval(point["validity"], ".2f"))
        cells += [_interval(point["statistics"].get(name), ".1f") for name in measured]
        cells.append(", ".join(f"{n} {stage}" for stage, n in point["made"].items()) or "nothing")
        lines.append(cells)
    head = [*keys, *(f"{task} pairs" for task in tasks), "P(valid)", *measured, "units made"]
    return (
        "\n\n".join(
            [
                f"# Sweep of {document['config']}",
                "Released pairs, their mean P(valid) and measures of diversity as `dimsum stats` "
                "defines them, each with its 95% interval; and the units that were made for a "
                "line, the rest being those of an earlier one. P(valid) is the model's word; what "
                "readers found of a run stands on its card.",
                table(head, lines, "r"),
                "![Yield and P(valid) of each combination](sweep.svg)",
            ]
        )
        + "\n"
    )


def _interval(found: Sequence[float | None] | None, form: str) -> str:
    """A value with its interval, where there are rows enough for them."""
    value, low, high = (
        None if one is None else format(one, form) for one in found or [None, None, None]
    )
    if value is None:
        return "-"
    return value if low is None else f"{value} ({low} to {high})"


def draw(points: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Yield against mean P(valid), a dot with its interval for each combination."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "sweep"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), constrained_layout=True)
    for point in points:
        total = sum(point["pairs"].values())
        value, low, high = point["validity"] or (float("nan"),) * 3
        axes.errorbar(total, value, yerr=[[value - low], [high - value]], fmt="o", capsize=3)
        label = ", ".join(str(value) for value in point["values"].values())
        axes.annotate(label, (total, value), xytext=(6, 4), textcoords="offset points", size=8)
    axes.set_xlabel("released pairs")
    axes.set_ylabel("mean P(valid)")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
