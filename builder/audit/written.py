"""Scores as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from dimsum.commands.output import make_table

UNDEFINED = "undefined"


def print_scores(document: Mapping[str, Any], out: Console) -> None:
    """Precision or systems, then agreement and readers."""
    if document["kind"] == "pairs":
        _print_precision(document, out)
    else:
        _print_systems(document, out)
    _print_agreement(document, out)
    _print_readers(document, out)


def _print_precision(document: Mapping[str, Any], out: Console) -> None:
    rows = document["precision"]
    questions = list(rows[0]["all"]) if rows else []
    title = f"Yes by every reader ({len(document['readers'])}), % (95% interval)"
    table = make_table("pairs", "rows", "read", *questions, title=title)
    for row in rows:
        name = row["by"] if row["name"] == "all" else f"  {row['name']}"
        cells = [format_percent(row["all"][question]) for question in questions]
        table.add_row(Text(name), f"{row['rows']:,}", f"{row['read']:,}", *cells)
    out.print(table)
    methods = dict.fromkeys(row["all"][q]["method"] for row in rows for q in questions)
    for method in methods:
        out.print(Text(f"  {method}", style="dim"))
    if found := document["recall"]:
        lost = found["valid_rejected"]
        value = UNDEFINED if found["value"] is None else f"{100 * found['value']:.1f}"
        out.print(
            f"Recall of the filters: {value} % of the valid pairs "
            f"({100 * found['low']:.1f} to {100 * found['high']:.1f}); about "
            f"{lost['value']:,.0f} valid pairs were dropped ({lost['low']:,.0f} to "
            f"{lost['high']:,.0f})"
        )
    out.print()


def format_percent(share: Mapping[str, Any]) -> str:
    """A share with its interval, in percent."""
    if share["value"] is None:
        return UNDEFINED
    value, low, high = (100 * share[end] for end in ("value", "low", "high"))
    return f"{value:.1f} ({low:.1f} to {high:.1f})"


def _print_systems(document: Mapping[str, Any], out: Console) -> None:
    found = document["systems"]
    title = f"Points, 1 to 3, on {found['sources']:,} sources (95% interval)"
    questions = list(dict.fromkeys(row["question"] for row in found["rows"]))
    table = make_table("system", *questions, title=title)
    for name in dict.fromkeys(row["system"] for row in found["rows"]):
        here = {row["question"]: row for row in found["rows"] if row["system"] == name}
        cells = [
            f"{here[q]['mean']:.2f} ({here[q]['low']:.2f} to {here[q]['high']:.2f})"
            for q in questions
        ]
        table.add_row(Text(name), *cells)
    for name in dict.fromkeys(row["system"] for row in found["differences"]):
        here = {row["question"]: row for row in found["differences"] if row["system"] == name}
        cells = [
            f"{here[q]['difference']:+.2f} ({here[q]['low']:+.2f} to {here[q]['high']:+.2f})"
            for q in questions
        ]
        table.add_row(Text(f"  {name} less {here[questions[0]]['against']}"), *cells)
    out.print(table)
    out.print()


def _print_agreement(document: Mapping[str, Any], out: Console) -> None:
    title = "Krippendorff's alpha (95% interval)"
    table = make_table("question", "level", "items", "alpha", title=title)
    for row in document["agreement"]:
        value = UNDEFINED if row["value"] is None else f"{row['value']:.3f}"
        if row["low"] is not None:
            value += f" ({row['low']:.3f} to {row['high']:.3f})"
        table.add_row(row["question"], row["level"], f"{row['items']:,}", value)
    out.print(table)
    out.print()


def _print_readers(document: Mapping[str, Any], out: Console) -> None:
    questions = list(dict.fromkeys(row["question"] for row in document["agreement"]))
    head = ("reader", "answered", "repeats alike", "known right", "valid alone")
    table = make_table(*head, title="Readers")
    for row in document["readers"]:
        repeats, known = row["repeats"], row["known"]
        alone = format_percent(row["released"]["valid"]) if "released" in row else "–"
        table.add_row(
            row["reader"],
            f"{row['answered']:,} of {row['items']:,}",
            _format_counts(repeats["same"], repeats["of"], questions),
            _format_counts(known["right"], known["of"], questions),
            alone,
        )
    out.print(table)


def _format_counts(found: Mapping[str, int], of: int, questions: list[str]) -> str:
    """Answers alike or right, over all questions."""
    return f"{sum(found[q] for q in questions)} of {of * len(questions)}" if of else "–"
