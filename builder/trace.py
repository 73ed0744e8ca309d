"""The whole way of one released row: which opening, seed, candidates, scores and rules made it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from builder.config import BuildConfig, parse_config
from builder.errors import BuilderError, ConfigError
from builder.fetched import fetch_run
from builder.linked import link_stages
from builder.stages.order import count_units, list_stages
from builder.store import REJECTS, Run, Sidecar, make_seed
from builder.unit import run_unit
from dimsum.places import find_far

Row = dict[str, Any]
SCORED = "scores"


@dataclass(frozen=True)
class Step:
    """What a stage has of the row.

    Attributes:
        shard: unit of the stage.
        seed: of that unit's chance.
        rows: of its table: the context, the two sentences, or the pair.
    """

    stage: str
    shard: int
    seed: int
    rows: list[Row]


@dataclass(frozen=True)
class Trace:
    """The way of a released row.

    Attributes:
        row: as it is released.
        steps: of the stages before the splits, in order.
        rules: of its task: value, lower and upper end, by measure.
    """

    row: Row
    steps: list[Step]
    rules: dict[str, tuple[float | None, float | None, float | None]]

    def as_json(self) -> dict[str, Any]:
        """A JSON-able mapping."""
        return {
            "row": self.row,
            "steps": [
                {"stage": one.stage, "shard": one.shard, "seed": one.seed, "rows": one.rows}
                for one in self.steps
            ],
            "rules": {
                name: {"value": value, "min": low, "max": high}
                for name, (value, low, high) in self.rules.items()
            },
        }


def trace(folder: Path, row_id: str) -> Trace:
    """Follow a released row back to its opening; loads no model.

    Args:
        folder: of a finished run.
        row_id: the `id` of the row, or its beginning.

    Raises:
        BuilderError: the run is not finished.
        ConfigError: no row, or more than one, has an id that begins so.
    """
    run = Run.open(folder)
    config = parse_config(run.header()["config"])
    row = _find_released(run, config, row_id)
    shard, scored = _find_scored(run, config, row)
    steps = []
    for stage in list_stages(config):
        if stage.whole or not stage.counted:
            continue
        rows = _read_rows(run, stage.name, shard, scored)
        seed = make_seed(config.seed, stage.name, shard)
        steps.append(Step(stage.name, shard, seed, rows))
    decided = {name: value for step in steps for one in step.rows for name, value in one.items()}
    rules = {
        name: (decided.get(name), bound.min, bound.max)
        for name, bound in config.rules[row["task"]].items()
    }
    return Trace(row, steps, rules)


def _find_released(run: Run, config: BuildConfig, row_id: str) -> Row:
    last = list_stages(config)[-1].name
    if run.sidecar(last, 0) is None:
        raise BuilderError(f"{run.folder} is not finished", hint="`dimsum build` goes on with it")
    table = run.read(last, 0)
    found: list[Row] = table.filter(pc.starts_with(table["id"], row_id)).to_pylist()
    if len(found) != 1 or not row_id:
        said = f"{len(found)} rows have" if found else "no row has"
        raise ConfigError(
            f"{said} an id that begins with {row_id!r}",
            hint=f"such as {table['id'][0].as_py()}; the column id of the release has them",
        )
    return found[0]


def _find_scored(run: Run, config: BuildConfig, row: Row) -> tuple[int, Row]:
    """The shard in which the pair was scored, and its row there."""
    for shard in range(count_units(SCORED, config)):
        table = run.read(SCORED, shard)
        same = pc.and_(
            pc.equal(table["source"], row["source"]), pc.equal(table["target"], row["target"])
        )
        for found in table.filter(same).to_pylist():
            if found["context"] == row["context"]:
                return shard, found
    raise BuilderError(
        f"the row {row['id']} was not scored in this run",
        hint="a round releases the rows of earlier runs too: trace it there",
    )


def _read_rows(run: Run, stage: str, shard: int, scored: Row) -> list[Row]:
    """What a stage has of a scored pair: the pair, its two sentences, or its context."""
    table = run.read(stage, shard)
    same = pc.equal(table["context_id"], scored["context_id"])
    for side in ("source", "target"):
        if side in table.column_names:
            same = pc.and_(same, pc.equal(table[side], scored[side]))
    if "sentence" in table.column_names:
        texts = [scored["source"], scored["target"]]
        same = pc.and_(same, pc.is_in(table["sentence"], value_set=_make_strings(texts)))
    rows: list[Row] = table.filter(same).to_pylist()
    return rows


def _make_strings(texts: list[str]) -> Any:
    import pyarrow as pa

    return pa.array(texts, pa.string())


def make_again(
    folder: Path, found: Trace, say: Callable[[str], None] = lambda line: None
) -> dict[str, bool]:
    """Make the units on a row's way anew from their seeds, and compare their bytes.

    The run is left as it is: the units are made in a folder that goes afterwards.

    Returns:
        whether the tables are the same, by stage.

    Raises:
        BuilderError: a model or a file of the run is not there any more, or this is another
            environment than the run's.
    """
    run = Run.open(folder)
    config = parse_config(run.header()["config"])
    same = {}
    away = find_far(folder) is not None
    parent = None if away else folder.parent
    with tempfile.TemporaryDirectory(dir=parent, prefix=f".{folder.name}-again-") as scratch:
        copy = Path(scratch) / "run"
        names = [stage.name for stage in list_stages(config)]
        if away:
            fetch_run(run, copy, names)
        else:
            link_stages(run.folder, copy, names)
        for step in found.steps:
            before = run.sidecar(step.stage, step.shard)
            assert before is not None
            made = run_unit(copy, step.stage, step.shard).record
            same[step.stage] = _list_tables(before) == _list_tables(made)
            said = "the same" if same[step.stage] else "DIFFERS"
            say(f"{step.stage}, shard {step.shard}: {said}")
    return same


def _list_tables(record: Sidecar) -> dict[str, str]:
    """Digests of what later stages read of a unit."""
    return {name: value for name, value in record.files.items() if REJECTS not in name}
