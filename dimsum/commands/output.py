"""What commands print: facts for a person on standard output, JSON for a program."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from dimsum.files import to_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def print_json(value: Any) -> None:
    """One JSON document on standard output; a number that JSON has no word for is null."""
    click.echo(to_json(value, indent=2))


def open_console(width: int, *, plain: bool = False) -> Console:
    """Standard output: as wide as the terminal is, and plain and `width` wide where there is none.

    Args:
        plain: on a terminal too.
    """
    from rich.console import Console

    if not sys.stdout.isatty():
        return Console(highlight=False, no_color=True, width=width)
    # rich takes every terminal that calls itself dumb for one of 80 columns.
    columns, lines = shutil.get_terminal_size()
    return Console(highlight=False, no_color=True if plain else None, width=columns, height=lines)


def make_table(*names: str, left: int = 1, title: str | None = None) -> Table:
    """A table for a terminal: its first columns hold text that folds, the others numbers."""
    from dimsum.commands.table import AnyWidthTable

    table = AnyWidthTable(
        title=title, title_justify="left", box=None, pad_edge=False, header_style="bold"
    )
    for index, name in enumerate(names):
        if index < left:
            table.add_column(name, overflow="fold")
        else:
            table.add_column(name, justify="right")
    return table


def print_facts(facts: Mapping[str, Any]) -> None:
    """Name and value, one a line; mappings inside are indented."""
    for line in _format_lines(facts, ""):
        click.echo(line)


def _format_lines(facts: Mapping[str, Any], pad: str) -> list[str]:
    found = []
    for name, value in facts.items():
        label = name.replace("_", " ")
        if isinstance(value, Mapping):
            found += [f"{pad}{label}", *_format_lines(value, pad + "  ")]
        else:
            shown = (
                f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else value
            )
            found.append(f"{pad}{label:<24} {'-' if shown is None else shown}")
    return found


SHOWN = ("rougeL", "bertscore", "bleu", "ibleu", "bert_ibleu", "entailment", "compression")
"""Columns of the table; the document has every metric."""


def print_evaluation(document: Mapping[str, Any]) -> None:
    """Systems by metric with 95% intervals, the paired tests, and what each column is."""
    out = open_console(160, plain=True)
    systems = document["systems"]
    metrics = [name for name in SHOWN if name in document["signatures"]]
    table = make_table("system", *metrics)
    for system, found in systems.items():
        cells = [found["metrics"][name] for name in metrics]
        table.add_row(system, *(_format_cell(cell) for cell in cells))
    out.print(f"{document['data']}: {document['examples']:,} sources", markup=False)
    out.print(table)
    for test in document["paired"]:
        if test["metric"] in metrics:
            click.echo(
                f"{test['a']} - {test['b']}, {test['metric']}: {test['difference']:+.2f} "
                f"[{test['low']:+.2f}, {test['high']:+.2f}], p = {test['p']:.4f}"
            )
    for name, found in document["control"].items():
        click.echo(f"{name}, control accuracy: " + _format_shares(found))
    for name in metrics:
        click.echo(f"{name}: {document['signatures'][name]}")
    for system, found in systems.items():
        for name in metrics:
            own = found["metrics"][name]["signature"]
            if own != document["signatures"][name]:
                click.echo(f"{name} of {system}: {own}")
    click.echo(document["intervals"])


def _format_cell(found: Mapping[str, float]) -> str:
    return f"{found['value']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"


def _format_shares(found: Mapping[str, Any]) -> str:
    shares = {name: value for name, value in found.items() if isinstance(value, float)}
    return ", ".join(f"{name} {value:.3f}" for name, value in shares.items())
