"""A table that a narrow terminal shows too: a line for each cell where columns do not fit."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

FOLDED = 12
"""Cells of a column of text, at least: it folds there."""


class AnyWidthTable(Table):
    """Columns where the terminal is wide enough for them, else a line for each cell."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._least_width() <= options.max_width:
            yield from super().__rich_console__(console, options)
        else:
            if self.title:
                yield Text(str(self.title), style="bold")
            yield from self._lines()

    def _least_width(self) -> int:
        """Cells that the columns need, with the gaps between them."""
        found = 0
        for column in self.columns:
            widest = max(map(_measure_width, [column.header, *column.cells]))
            found += min(widest, FOLDED) if column.overflow == "fold" else widest
        return found + len(self.columns) - 1

    def _lines(self) -> Iterator[Text]:
        """Each row: its first cell, and below it the others behind their headers."""
        for first, *others in zip(*(list(column.cells) for column in self.columns), strict=True):
            yield _make_text(first)
            for column, cell in zip(self.columns[1:], others, strict=True):
                if _measure_width(cell):
                    yield (
                        Text("  ")
                        .append_text(_make_text(column.header))
                        .append(": ")
                        .append_text(_make_text(cell))
                    )


def _make_text(cell: object) -> Text:
    return cell.copy() if isinstance(cell, Text) else Text.from_markup(str(cell))


def _measure_width(cell: object) -> int:
    return max(map(cell_len, _make_text(cell).plain.split("\n")), default=0)
