"""What a stage is: a named, versioned, pure function from a shard's tables to its output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from builder.config import BuildConfig
from builder.pool import ModelPool
from builder.store import REJECTS, Output

Rows = list[dict[str, Any]]


@dataclass
class Work:
    """One unit: everything that a stage function may look at.

    Attributes:
        seed: of (run seed, stage, shard); the only source of chance.
        tables: the inputs by `stage` or `stage.name`; whole-corpus stages get all shards joined.
            A table is read when it is asked for.
        paths: the files of each input in the order of their units, for stages that read a part of
            them, or one after another.
        scratch: a folder that the stage may make; it goes when the unit is finished.
        files: the stage's inputs from outside the run, by name.
        tick: called with a count of tokens as they are written or read, for the progress line.
    """

    config: BuildConfig
    shard: int
    seed: int
    tables: Mapping[str, pa.Table]
    models: ModelPool
    tick: Callable[[int], None] = field(default=lambda tokens: None)
    files: Mapping[str, Path] = field(default_factory=dict)
    paths: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    scratch: Path = Path()


def list_no_files(config: BuildConfig, shard: int) -> Mapping[str, Path]:
    """Of a stage that reads nothing from outside the run."""
    return {}


def count_one(config: BuildConfig) -> int:
    """Of a stage over the whole corpus with a single unit."""
    return 1


def list_nothing(config: BuildConfig) -> tuple[str, ...]:
    """Of a stage that needs the same under every configuration."""
    return ()


@dataclass(frozen=True)
class Stage:
    """A row of the table of stages; a unit finds it by its name.

    Attributes:
        version: raised when the code would give other rows for the same input.
        counted: what the funnel counts at this stage; empty for a stage that drops nothing and only
            prepares the next one that does, to which its seconds and counters are added.
        inputs: tables of earlier stages, `stage` or `stage.name`.
        settings: the part of the configuration that decides the bytes of a shard.
        models: roles of the models that it may load, out of teacher, critic, encoder, student.
        further_models: roles that it may load under some configurations only.
        whole: each of its units reads all units of its inputs. There is one, unless `units` says
            how many.
        units: how many units a stage over the whole corpus has.
        files: what a shard reads from outside the run: name to path. Their hashes enter the
            fingerprint and the sidecar; no path does.
        libraries: whose versions change its bytes, besides those that compute models.
        further_libraries: likewise, under some configurations only.
        content: digest of what the stage takes from such a file; files that differ and give the
            same, by an empty line say, are then the same input to a unit that is finished.
    """

    name: str
    version: int
    counted: str
    make: Callable[[Work], Output]
    inputs: tuple[str, ...]
    settings: Callable[[BuildConfig, int], Any]
    models: tuple[str, ...] = ()
    further_models: Callable[[BuildConfig], tuple[str, ...]] = list_nothing
    whole: bool = False
    units: Callable[[BuildConfig], int] = count_one
    files: Callable[[BuildConfig, int], Mapping[str, Path]] = list_no_files
    libraries: tuple[str, ...] = ()
    further_libraries: Callable[[BuildConfig], tuple[str, ...]] = list_nothing
    content: Callable[[Path], str] | None = None

    def roles(self, config: BuildConfig) -> tuple[str, ...]:
        """Of the models that it may load under a configuration."""
        return (*self.models, *self.further_models(config))

    def libraries_of(self, config: BuildConfig) -> tuple[str, ...]:
        """Whose versions change its bytes under a configuration."""
        return (*self.libraries, *self.further_libraries(config))


def make_table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows to a table of an explicit schema, also when there are none."""
    return pa.Table.from_pylist(list(rows), schema=schema)


def add_rejects(rows: Rows, rejects: Rows, schema: pa.Schema, rejected: pa.Schema) -> Output:
    """An output whose rejected rows carry their `reason`, counted by it."""
    counts: dict[str, int] = {}
    for row in rejects:
        counts[row["reason"]] = counts.get(row["reason"], 0) + 1
    return Output(
        table=make_table(rows, schema),
        extra={REJECTS: make_table(rejects, rejected)},
        entered=len(rows) + len(rejects),
        rejected=counts,
    )


def make_schema(**columns: pa.DataType) -> pa.Schema:
    """A schema from names and types, in the order given."""
    return pa.schema([pa.field(name, kind) for name, kind in columns.items()])


def extend(schema: pa.Schema, **columns: pa.DataType) -> pa.Schema:
    """A schema with further columns at its end."""
    return pa.schema([*schema, *make_schema(**columns)])
