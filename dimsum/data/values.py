"""Values of rows: what is a text, what `--where` compares, what was dropped and why."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from numbers import Number
from typing import Any

import click

from dimsum.errors import UsageError

MOST_VALUES = 1000
"""Different values of a column that are counted for the message when `--where` finds no row."""
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}


class Row(dict[str, Any]):
    """A row, with the position in its file that errors name ("line 7")."""

    __slots__ = ("position",)

    def __init__(self, values: Mapping[str, Any], position: str) -> None:
        super().__init__(values)
        self.position = position


def explain_not_text(value: Any) -> str | None:
    """Why a value is not text, or None when it is."""
    if isinstance(value, str):
        if value.isascii():
            return None
        try:
            value.encode()
        except UnicodeEncodeError:
            return "half_surrogate"
        return None
    if value is None:
        return "null"
    for kinds, reason in (
        (bool, "boolean"),
        (Number, "number"),
        ((bytes, bytearray), "bytes"),
        ((date, datetime, time, timedelta), "date"),
        ((list, tuple), "list"),
    ):
        if isinstance(value, kinds):
            return reason
    return "object"


def as_bool(value: Any) -> bool | None:
    """True or false, also as a table of text or numbers writes it; None for anything else."""
    if isinstance(value, int | float):
        return bool(value) if value in (0, 1) else None
    return {"true": True, "false": False, "1": True, "0": False}.get(str(value).strip().lower())


def is_blank(text: str) -> bool:
    """Whether a text shows nothing: no character but spaces, controls and those of no width."""
    return all(sign.isspace() or unicodedata.category(sign) in ("Cc", "Cf") for sign in text)


def format_value(value: Any) -> str:
    """A value as the text that `--where` compares."""
    if isinstance(value, str):
        return value
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | float | list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def parse_conditions(texts: Iterable[str]) -> dict[str, str]:
    """Column to wanted text, of options `--where column=value`.

    Raises:
        UsageError: a text that is not of the form column=value.
    """
    found: dict[str, str] = {}
    for text in texts:
        column, equals, value = text.partition("=")
        if not equals or not column:
            raise UsageError(
                f"--where {text!r} is not of the form column=value",
                hint="such as lang=en: the name of a column, and the text that rows must have",
            )
        found[column] = value
    return found


@dataclass
class Reading:
    """What was read: rows, and those that were dropped by reason.

    Attributes:
        dropped: rows or texts that were not used, by reason.
        first: the position of the first of each reason.
        met: values met in each column that `where` names.
        other_splits: rows that were passed over, being of another split than was asked for.
    """

    rows: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    met: dict[str, Counter[str]] = field(default_factory=dict)
    other_splits: Counter[str] = field(default_factory=Counter)

    def read(self, row: Mapping[str, Any]) -> str:
        """Count a row; its position."""
        self.rows += 1
        return getattr(row, "position", "") or f"row {self.rows}"

    def drop(self, reason: str, position: str) -> None:
        """Count what is not used."""
        self.dropped[reason] += 1
        self.first.setdefault(reason, position)

    def meets(self, row: Mapping[str, Any], where: Mapping[str, Any], position: str) -> bool:
        """Whether a row has all values; one that does not is counted as left out."""
        holds = True
        for column, value in where.items():
            found = format_value(row.get(column))
            met = self.met.setdefault(column, Counter())
            if found in met or len(met) < MOST_VALUES:
                met[found] += 1
            holds &= found == format_value(value)
        if not holds:
            self.drop("left_out", position)
        return holds

    def text(self, row: Mapping[str, Any], column: str, position: str) -> str | None:
        """The text of a column; None, counted by its reason, where there is none."""
        value = row.get(column)
        reason = explain_not_text(value)
        if reason is not None:
            self.drop(reason, f"{position}, column {column!r}")
            return None
        return str(value)

    def texts(self, row: Mapping[str, Any], column: str, position: str) -> Iterator[str]:
        """The texts of a column that holds one or a list of them; what is none is counted."""
        value = row.get(column)
        if isinstance(value, list | tuple) and not value:
            self.drop("empty", position)
        for one in value if isinstance(value, list | tuple) else [value]:
            text = self.text({column: one}, column, position)
            if text is not None:
                yield text

    def as_json(self) -> dict[str, int]:
        """The dropped by reason, as documents hold them."""
        return dict(self.dropped)

    def __str__(self) -> str:
        """The dropped by reason, each with the position of the first; empty when there are none."""
        return ", ".join(
            f"{count:,} {reason} (first: {self.first[reason]})"
            for reason, count in self.dropped.most_common()
        )

    def nothing(
        self, name: str, what: str, where: Mapping[str, Any] | None = None, hint: str = ""
    ) -> UsageError:
        """The error of a data set that gave nothing, by what became of its rows.

        Args:
            what: that was looked for, such as "training pair".
            where: conditions that rows had to meet.
            hint: where no row was dropped.
        """
        if self.rows == 0:
            hint = hint or "give a file that has rows"
            others = " and ".join(f"{split} ({n:,})" for split, n in self.other_splits.items())
            why = f"its rows are all {others}" if others else "it is empty"
            return UsageError(f"{name} has no {what}; {why}", hint=hint)
        if set(self.dropped) == {"left_out"}:
            wanted = " and ".join(
                f"{column}={format_value(value)}" for column, value in (where or {}).items()
            )
            shown = (
                f"{column} has "
                + ", ".join(f"{text} ({n:,})" for text, n in met.most_common(5))
                + (" and others" if len(met) > 5 else "")
                for column, met in self.met.items()
            )
            return UsageError(f"{name} has no row with {wanted}", hint="; ".join(shown))
        return UsageError(
            f"{name} has no {what} ({self.rows:,} rows read)",
            hint=f"dropped: {self}" if self.dropped else hint,
        )


def check_columns(row: Mapping[str, Any], wanted: Iterable[str], name: str, options: str) -> None:
    """Refuse a table that lacks a column.

    Args:
        row: the first one.
        options: the command's, that name columns; for the hint.

    Raises:
        UsageError: with the missing columns and those that were found.
    """
    missing = [column for column in dict.fromkeys(wanted) if column not in row]
    if not missing:
        return
    found = list(row)
    context = click.get_current_context(silent=True)
    known = {text for one in context.command.params for text in one.opts} if context else set()
    if context and not known & {*options.split()}:
        options = ""  # this command has no such options
    hint = f"name the columns with {options}" if options else "name the columns so"
    raise UsageError(
        f"{name} has no column {' and no column '.join(map(repr, missing))}; "
        f"found {', '.join(n if n == n.strip() and n else repr(n) for n in found) or 'none'}",
        hint=suggest_separator(found) or hint,
    )


def suggest_separator(names: Sequence[str]) -> str:
    """A hint for a table of one column whose name holds what may separate columns, else ""."""
    for sign, said in SEPARATORS.items():
        if len(names) == 1 and sign in names[0]:
            return f"its columns seem to be separated by {said}; .csv takes commas, .tsv tabs"
    return ""
