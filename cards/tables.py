"""Tables of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cards.escape import Markdown, escape

_RULES = {"l": "---", "r": "--:", "c": ":-:"}


def format_table(
    head: Sequence[object], rows: Iterable[Iterable[object]], align: str = ""
) -> Markdown:
    """A table; what is not Markdown already is escaped, and None is a dash.

    Args:
        align: a letter a column: l, r or c; the last one stands for those behind it.
    """
    rules = [_RULES[(align or "l")[min(i, len(align or "l") - 1)]] for i in range(len(head))]
    lines = [map(_format_cell, head), rules, *(map(_format_cell, row) for row in rows)]
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def _format_cell(value: object) -> str:
    """A number with two digits behind the point, or three significant ones where it is small."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 0.01 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else escape(value)
