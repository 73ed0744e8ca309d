"""What a lint finds, and what it must know of data files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

CARD = "README.md"

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or that a reader should know of.

    Attributes:
        level: errors keep a release from being published, warnings do not.
        rule: its name, such as `glob-matches-nothing`.
        where: a path in the folder, with a key of the YAML after a colon.
        message: in a sentence without a full stop.
    """

    level: Level
    rule: str
    where: str
    message: str


@dataclass(frozen=True)
class Shape:
    """Rows of a data file, and its columns with their `datasets` dtypes, in order."""

    rows: int
    columns: Mapping[str, str]


ShapeReader = Callable[[Path], Shape]


def as_list(value: Any) -> list[Any]:
    """A value the Hub takes alone or in a list, as a list."""
    return [] if value is None else value if isinstance(value, list) else [value]
