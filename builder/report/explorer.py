"""The threshold explorer: what each rule would keep were it stricter or looser, counted ahead."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow as pa

from builder.config import Bound, BuildConfig
from builder.decide import decide, holds
from builder.measures.entailment import DIRECTIONS
from builder.report.model import Curve, Explorer
from builder.report.source import Source
from builder.stages.order import count_units
from builder.validity.use import collect_values

Array = np.ndarray[Any, np.dtype[Any]]
STEPS = 41
MOST_ROWS = 1_000_000


def make_explorer(source: Source) -> Explorer | None:
    """Curves over the scored pairs of a run, or over the rows of a released folder.

    Of a run every rule can be loosened down to what was scored; a released folder only knows what
    a stricter rule would keep.
    """
    config = source.config
    if config is None:
        return None
    if source.run is not None:
        values, counted = _read_scored(source, config)
        tasks = None
    else:
        values = {
            name: _read_column(source.rows, name)
            for name in config.registry.columns
            if name in source.rows.column_names
        }
        tasks = np.asarray(source.rows["task"].to_numpy(zero_copy_only=False))
        counted = f"{source.rows.num_rows:,} released pairs; only stricter values can be tried"
    if not values or not len(next(iter(values.values()))):
        return None
    curves = [
        curve
        for task, rules in config.rules.items()
        for measure, bound in rules.items()
        if measure in values
        for end in ("min", "max")
        if (curve := _draw_curve(config, values, tasks, task, measure, bound, end)) is not None
    ]
    return Explorer(counted, tuple(curves)) if curves else None


def _read_column(table: pa.Table, name: str) -> Array:
    column: Array = np.asarray(table[name].to_numpy(zero_copy_only=False), dtype=np.float64)
    return column


def _read_scored(source: Source, config: BuildConfig) -> tuple[dict[str, Array], str]:
    """Measures of the scored pairs of a run, of all its shards or of a random part."""
    run = source.run
    assert run is not None
    shards = [
        n for n in range(count_units("scores", config)) if run.sidecar("scores", n) is not None
    ]
    order = random.Random(0).sample(shards, len(shards))
    wanted = [column.name for column in config.registry.measured]
    tables: list[pa.Table] = []
    rows = 0
    for shard in order:
        if rows >= MOST_ROWS:
            break
        tables.append(run.read("scores", shard).select(wanted))
        rows += tables[-1].num_rows
    if not rows:
        return {}, ""
    table = pa.concat_tables(tables)
    part = "" if len(tables) == len(shards) else f" in {len(tables)} of {len(shards)} shards"
    counted = f"{rows:,} scored pairs{part}, before repeats are dropped"
    return collect_values(table, config), counted


def _find_passing(
    rules: dict[str, Bound], values: dict[str, Array], tasks: Array | None, task: str
) -> Array:
    """Pairs that all rules of a task hold for, or the released pairs of the task."""
    if tasks is not None:
        return np.asarray(tasks == task)
    count = len(next(iter(values.values())))
    return decide({task: rules}, values, count).fits[task]


def _draw_curve(
    config: BuildConfig,
    values: dict[str, Array],
    tasks: Array | None,
    task: Any,
    measure: str,
    bound: Bound,
    end: str,
) -> Curve | None:
    now = bound.min if end == "min" else bound.max
    if now is None:
        return None
    rules = config.rules[task]
    others = {name: one for name, one in rules.items() if name != measure}
    left = _find_passing(others, values, tasks, task) & holds(
        _leave_out(bound, end), values[measure]
    )
    # A task takes a pair only if no task before it did.
    elsewhere = np.zeros(len(left), dtype=bool)
    before = True
    for other, rules_of_other in config.rules.items():
        if other == task:
            before = False
            continue
        passed = _find_passing(rules_of_other, values, tasks, other)
        elsewhere |= passed
        if before:
            left = left & ~passed
    column = values[measure]
    tried = _list_values(config, task, measure, end, now, column[left], stricter=tasks is not None)
    if len(tried) < 2:
        return None
    inside = [left & (column >= v if end == "min" else column <= v) for v in tried]
    return Curve(
        task=task,
        measure=measure,
        meaning=config.registry.meanings[measure],
        end=end,
        now=float(now),
        values=tuple(tried),
        kept=tuple(int(mask.sum()) for mask in inside),
        total=tuple(int((mask | elsewhere).sum()) for mask in inside),
    )


def _leave_out(bound: Bound, end: str) -> Bound:
    return Bound(min=None if end == "min" else bound.min, max=None if end == "max" else bound.max)


def _list_values(
    config: BuildConfig,
    task: Any,
    measure: str,
    end: str,
    now: float,
    here: Array,
    *,
    stricter: bool,
) -> list[float]:
    """Values between the loosest that was scored and the strictest that keeps anything."""
    if not len(here):
        return []
    outer = config.pairs.bounds.get(task, {}).get(measure, Bound())
    low, high = float(here.min()), float(here.max())
    if measure in DIRECTIONS.values():
        outer = Bound(min=config.scores.floor)
    if end == "min":
        low = now if stricter else max(low, outer.lowest)
    else:
        high = now if stricter else min(high, outer.highest)
    ends = (min(low, now), max(high, now))
    if ends[0] == ends[1]:
        return []
    digits = max(2, 2 - int(np.floor(np.log10(ends[1] - ends[0]))))
    steps = {round(float(v), digits) for v in np.linspace(*ends, STEPS)}
    return sorted(steps | {float(now)})
