"""Labels of readers, found again among the scored pairs of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from builder.errors import ConfigError
from dimsum.data.files import read_file_rows
from dimsum.data.values import Reading, Row, as_bool, check_columns

if TYPE_CHECKING:
    from builder.measures.base import Floats

QUESTION = "valid"
TEXTS = ("source", "target")


@dataclass(frozen=True)
class Label:
    """What readers said of a pair.

    Attributes:
        valid: by every reader.
        readers: how many.
        weight: pairs of a corpus that it stands for.
        where: file and line, for messages.
        context: that the pair continues, where the label says it.
    """

    source: str
    target: str
    valid: bool
    readers: int
    weight: float
    where: str
    context: str = ""


@dataclass(frozen=True)
class Labelled:
    """Labelled pairs with the measures that a run has of them.

    Attributes:
        values: columns of measures, NaN where one is missing; each of shape (pairs,).
        valid: shape (pairs,).
        weight: shape (pairs,).
        context: of each pair; folds keep a context together.
        missing: labels whose pair is not among the run's scored pairs.
    """

    values: dict[str, Floats]
    valid: np.ndarray[Any, np.dtype[np.bool_]]
    weight: Floats
    context: list[str]
    missing: int

    def __len__(self) -> int:
        return len(self.context)


def read_labels(paths: Sequence[Path], reading: Reading | None = None) -> list[Label]:
    """The labels of data files as `dimsum audit score` writes them.

    A row has `source`, `target` and either `readers`, a list with each reader's `valid`, or
    `valid` itself. Further keys are ignored, `weight` is read.

    Args:
        reading: where rows and those without a source or a target are counted.

    Raises:
        UsageError: a file that cannot be read, a column that is not there, or no label.
        ConfigError: a row that is no label, or two that contradict each other.
    """
    counted = reading if reading is not None else Reading()
    found: dict[tuple[str, str], Label] = {}
    for path in paths:
        for number, row in enumerate(read_file_rows(path)):
            if number == 0:
                check_columns(row, TEXTS, str(path), "")
            position = counted.read(row)
            if any(counted.text(row, column, position) is None for column in TEXTS):
                continue
            label = _make_label(row, f"{path}, {position}")
            key = (label.source, label.target)
            other = found.setdefault(key, label)
            if other.valid != label.valid:
                raise ConfigError(
                    f"{label.where} and {other.where} call the same pair valid and not valid",
                    hint="leave one of them, or join the readers in one line",
                )
    if not found:
        raise counted.nothing(" ".join(map(str, paths)), "label")
    return list(found.values())


def _make_label(row: Row, where: str) -> Label:
    readers = row.get("readers", [row])
    if not isinstance(readers, list) or not readers:
        raise ConfigError(f"{where} has no readers", hint="each reader says valid: true or false")
    said = [as_bool(one.get(QUESTION)) if isinstance(one, dict) else None for one in readers]
    if None in said:
        raise ConfigError(
            f"{where}: a reader has not said whether the pair is valid",
            hint="valid is true or false; leave out lines that were not judged",
        )
    weight = _read_weight(row.get("weight", 1.0))
    if not 0 < weight < inf:
        raise ConfigError(
            f"{where}: a weight must be above 0", hint="leave it out for equal weights"
        )
    return Label(
        source=row["source"],
        target=row["target"],
        valid=all(said),
        readers=len(readers),
        weight=weight,
        where=where,
        context=str(row.get("context_id", "")),
    )


def _read_weight(value: Any) -> float:
    """A weight; 0 for what is none."""
    try:
        return 0.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return 0.0


def match(labels: Iterable[Label], scored: Iterable[pa.Table], columns: Sequence[str]) -> Labelled:
    """Labels with their pairs' measures; the first of equal pairs counts.

    Args:
        scored: tables with context_id, source, target and the columns of measures.
    """
    wanted: Mapping[tuple[str, str], Label] = {(one.source, one.target): one for one in labels}
    values: dict[str, list[Any]] = {name: [] for name in columns}
    context: list[str] = []
    taken: dict[tuple[str, str], Label] = {}
    for table in scored:
        texts = (table[side].to_pylist() for side in ("source", "target"))
        rows = []
        for row, key in enumerate(zip(*texts, strict=True)):
            if key in wanted and key not in taken:
                taken[key] = wanted[key]
                rows.append(row)
        here = table.take(pa.array(rows, pa.int64()))
        context += [str(name) for name in here["context_id"].to_pylist()]
        for name in columns:
            values[name].append(here[name].to_numpy().astype(np.float64))
    empty = [np.zeros(0)]
    return Labelled(
        values={name: np.concatenate(parts or empty) for name, parts in values.items()},
        valid=np.array([one.valid for one in taken.values()], dtype=bool),
        weight=np.array([one.weight for one in taken.values()], dtype=np.float64),
        context=context,
        missing=len(wanted) - len(taken),
    )
