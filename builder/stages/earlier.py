"""earlier: the rows of another release, which near-duplicates are also sought among.

`duplicates.against` names it: a released folder, a run, or a Hub dataset at a revision. Its rows
get sets and keys as those of `shingles`, and stand last among them; `clusters` lets them survive.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from builder.config import BuildConfig
from builder.errors import ConfigError
from builder.measures.entailment import DIRECTIONS
from builder.measures.registry import VALIDITY
from builder.near_duplicates.minhash import OF_PERMUTATIONS
from builder.stages.base import Stage, Work, make_schema
from builder.stages.duplicates import goes_by_code
from builder.stages.shingles import GROUP, KEYS, Texts, list_settings, make_sets_and_keys
from builder.store import Output
from builder.stored import Stored

SHINGLES = "shingles"
TEXTS = ("task", "source", "target")
CODE = "control"
STRENGTHS = (VALIDITY.name, *DIRECTIONS.values())
"""What decides who survives, in `duplicates`; of these rows all are infinite."""
ROWS = make_schema(
    source=pa.string(),
    target=pa.string(),
    context_id=pa.string(),
    **dict.fromkeys(STRENGTHS, pa.float32()),
)
"""As far as `clusters` reads the pairs of a shard; the id of a row in the place of its context."""


def make(work: Work) -> Output:
    """Give the rows with their sets and keys."""
    found = Stored(list(work.files.values()))
    rows = [ROWS.empty_table()]
    for group in found.groups(("id", "source", "target")):
        columns: Any = {
            "source": group["source"],
            "target": group["target"],
            "context_id": group["id"],
            **dict.fromkeys(STRENGTHS, np.full(group.num_rows, math.inf, np.float32)),
        }
        rows.append(pa.table(columns).cast(ROWS))
    batches = _read_batches(found, work.config)
    sets, keys = make_sets_and_keys(batches, work.config.duplicates.jaccard)
    table = pa.concat_tables(rows)
    return Output(
        table=table,
        extra={SHINGLES: sets, KEYS: keys},
        entered=table.num_rows,
        counters={"rows_of_another_release": table.num_rows},
        group=GROUP,
    )


def _read_batches(rows: Stored, config: BuildConfig) -> Iterator[Texts]:
    by_code = _list_by_code(config)
    for group in rows.groups(_list_columns(config)):
        names: list[Any] = group["task"].to_pylist()
        if by_code:
            codes = group[CODE].to_pylist()
            names = [code if n in by_code else n for n, code in zip(names, codes, strict=True)]
        sides: list[Any] = [group[side].to_pylist() for side in ("source", "target")]
        yield names, sides[0], sides[1]


def _list_by_code(config: BuildConfig) -> set[str]:
    return {task.name for task in config.definitions if goes_by_code(task, config)}


def _list_columns(config: BuildConfig) -> tuple[str, ...]:
    return (*TEXTS, CODE) if _list_by_code(config) else TEXTS


def list_files(config: BuildConfig, shard: int) -> dict[str, Path]:
    """The files of the release, by number.

    Raises:
        ConfigError: there is nothing of that name, or it has no rows of tasks.
        BuilderError: the Hub could not be asked.
    """
    reference = config.duplicates.against
    if reference is None:
        return {}
    paths = _find(reference) if Path(reference).exists() else _fetch(reference)
    for path in paths:
        columns = Stored([path]).schema.names if path.suffix == ".parquet" else ()
        if missing := [name for name in ("id", *_list_columns(config)) if name not in columns]:
            raise ConfigError(
                f"duplicates.against: {path.name} of {reference} has no {' and no '.join(missing)}",
                hint="name a folder that `dimsum build` released, a run, or such a dataset on the "
                "Hub",
            )
    return {f"rows {number}": path for number, path in enumerate(paths)}


@lru_cache
def _fetch(reference: str) -> tuple[Path, ...]:
    """The files of a Hub dataset, asked for once a process."""
    return _find(reference)


def _find(reference: str) -> tuple[Path, ...]:
    from builder.statistics.corpus import open_corpus

    return tuple(path for path, _ in open_corpus(reference).files)


STAGE = Stage(
    name="earlier",
    version=1,
    counted="",
    make=make,
    inputs=(),
    settings=lambda c, _: list_settings(c),
    whole=True,
    files=list_files,
    further_libraries=lambda c: OF_PERMUTATIONS,
)
