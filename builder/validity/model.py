"""A calibrated model of P(valid): a JSON file with numbers, and how they make a probability.

Nothing in it is code: it is read, checked and evaluated with numpy alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from builder.errors import BuilderError
from dimsum.files import write_json

if TYPE_CHECKING:
    from builder.measures.base import Floats


class _Numbers(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Tree(_Numbers):
    """A regression tree in arrays, one entry a node; node 0 is the root.

    Attributes:
        column: that a node asks, as an index into the model's columns; -1 at a leaf.
        threshold: a row goes left where its value is at most this.
        left: node to go to; -1 at a leaf.
        right: node to go to otherwise.
        value: of a leaf, in log-odds.
    """

    column: tuple[int, ...]
    threshold: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    value: tuple[float, ...]

    @model_validator(mode="after")
    def _whole(self) -> Tree:
        nodes = len(self.column)
        if {len(self.threshold), len(self.left), len(self.right), len(self.value)} != {nodes}:
            raise ValueError("the arrays of a tree differ in length")
        for node, (column, left, right) in enumerate(
            zip(self.column, self.left, self.right, strict=True)
        ):
            if column >= 0 and not (node < left < nodes and node < right < nodes):
                raise ValueError(f"node {node} of a tree leads nowhere")
        return self

    def evaluate(self, rows: Floats) -> Floats:
        """The leaf's value of each row, shape (rows,)."""
        column, threshold = np.array(self.column), np.array(self.threshold)
        left, right = np.array(self.left), np.array(self.right)
        node = np.zeros(len(rows), dtype=np.int64)
        while True:
            moving = np.flatnonzero(column[node] >= 0)
            if not len(moving):
                found: Floats = np.array(self.value)[node]
                return found
            here = node[moving]
            # Trees were grown on values of single precision.
            goes_left = rows[moving, column[here]].astype(np.float32) <= threshold[here]
            node[moving] = np.where(goes_left, left[here], right[here])


class Logistic(_Numbers):
    """Log-odds linear in standardised columns."""

    kind: Literal["logistic"] = "logistic"
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weight: tuple[float, ...]
    intercept: float

    def log_odds(self, rows: Floats) -> Floats:
        """Of each row, shape (rows,)."""
        standard = (rows - np.array(self.mean)) / np.array(self.scale)
        found: Floats = standard @ np.array(self.weight) + self.intercept
        return found


class Boosted(_Numbers):
    """Log-odds as a sum of trees (Friedman, 2001)."""

    kind: Literal["boosted"] = "boosted"
    intercept: float
    rate: float
    trees: tuple[Tree, ...]

    def log_odds(self, rows: Floats) -> Floats:
        """Of each row, shape (rows,)."""
        found: Floats = np.full(len(rows), self.intercept)
        for tree in self.trees:
            found += self.rate * tree.evaluate(rows)
        return found


class Calibration(_Numbers):
    """P(valid) of a pair out of its measures.

    Attributes:
        columns: measures that it reads, in the order of its numbers.
        absent: what stands for a value that was not measured, for each column.
        learnt: how it was made, for cards: labels, readers, cross-validated numbers.
    """

    format: Literal[1] = 1
    columns: tuple[str, ...] = Field(min_length=1)
    absent: tuple[float, ...]
    members: tuple[Annotated[Logistic | Boosted, Field(discriminator="kind")], ...] = Field(
        min_length=1
    )
    learnt: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fitting(self) -> Calibration:
        width = len(self.columns)
        if len(self.absent) != width or len(set(self.columns)) != width:
            raise ValueError("columns and their absent values do not go together")
        for member in self.members:
            if isinstance(member, Logistic):
                if {len(member.mean), len(member.scale), len(member.weight)} != {width}:
                    raise ValueError("a logistic model has other columns")
                if min(member.scale) <= 0:
                    raise ValueError("a column's scale is not positive")
            elif any(max(tree.column) >= width for tree in member.trees):
                raise ValueError("a tree asks a column that is not there")
        return self

    def rows_of(self, values: Mapping[str, Floats]) -> Floats:
        """The columns as one matrix, shape (rows, columns), nothing missing."""
        given = np.column_stack([np.asarray(values[name], np.float64) for name in self.columns])
        found: Floats = np.where(np.isnan(given), np.array(self.absent), given)
        return found

    def predict(self, values: Mapping[str, Floats]) -> Floats:
        """P(valid), shape (rows,); the members' log-odds are averaged.

        Args:
            values: at least the columns of the model, each of shape (rows,).
        """
        rows = self.rows_of(values)
        odds = np.mean([member.log_odds(rows) for member in self.members], axis=0)
        found: Floats = 1 / (1 + np.exp(-odds))
        return found


def read_calibration(path: Path) -> Calibration:
    """Read and check a model.

    Raises:
        BuilderError: the file is not there, or is no such model.
    """
    try:
        return Calibration.model_validate(json.loads(path.read_bytes()))
    except OSError as error:
        raise BuilderError(
            f"{path} cannot be read: {error.strerror}", hint="`dimsum calibrate` writes one"
        ) from error
    except (ValueError, ValidationError) as error:
        first = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise BuilderError(
            f"{path} is no model of validity: {first}", hint="`dimsum calibrate` writes one"
        ) from error


def write_calibration(path: Path, model: Calibration) -> None:
    """Write a model; equal models give equal bytes."""
    write_json(path, model.model_dump(mode="json"))
