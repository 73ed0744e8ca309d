"""Builds side by side that differ in a few settings: what each value gives, and what it costs.

    FOLDER/runs/NAME/   a run for each combination of values
    FOLDER/sweep.json   values, yield, P(valid), diversity, audits, by combination
    FOLDER/sweep.md     the same as a page, with sweep.svg

Every run begins as a copy of the one before it that has most in common with it, so that only what
the other values decide is made again: settings that change no model cost no model.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from builder.audit.record import RELEASE_AUDITS
from builder.config import BuildConfig, load_config
from builder.errors import ConfigError
from builder.linked import link_stages
from builder.measures.registry import VALIDITY
from builder.outdated import find_outdated
from builder.progress import Progress
from builder.run import build, resolve_header
from builder.stages.order import stages_of, units_of
from builder.statistics.study import Settings, study
from builder.store import RUN_FILE, Run
from cards.tables import table
from dimsum.data.dataset import read_rows
from dimsum.files import whole_file, write_json
from dimsum.metrics import bootstrap

STATISTICS = (("h3", "target"), ("msttr_100", "target"), ("jaccard", "pair"))
"""Measures of diversity that are shown, with the side of the pair."""
MOST = 200
"""Combinations of one sweep: more are a mistake in the values."""


@dataclass(frozen=True)
class Axis:
    """A setting and the values that it takes."""

    key: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Point:
    """One combination of values and what came of it.

    Attributes:
        values: by setting.
        run: folder of the run, relative to the sweep's.
        made: units that were made for it; the others came from an earlier run.
        pairs: released pairs by task.
        validity: mean P(valid) of the released pairs with its 95% interval; None without a model.
        statistics: measures of diversity by name: value, low, high.
        audits: shares that readers of these very rows found, as the card shows them.
    """

    values: dict[str, Any]
    run: str
    made: dict[str, int]
    pairs: dict[str, int]
    validity: tuple[float, float, float] | None
    statistics: dict[str, tuple[float, float, float]]
    audits: list[dict[str, Any]]


def parse_axis(text: str) -> Axis:
    """`a.b=1,2,3` as a setting and its values, each read as YAML.

    Raises:
        ConfigError: not of this form, no value, or one that stands twice.
    """
    key, equals, listed = text.partition("=")
    try:
        values = yaml.safe_load(f"[{listed}]")
    except yaml.YAMLError:
        values = None
    if not equals or not key.strip() or not values:
        raise ConfigError(
            f"--over {text!r} is not of the form a.b=VALUE,VALUE", hint="such as --over seed=0,1"
        )
    if len({json.dumps(value) for value in values}) < len(values):
        raise ConfigError(f"--over {text!r} names a value twice", hint="give each value once")
    return Axis(key.strip(), tuple(values))


def combinations(
    source: str, axes: Sequence[Axis], overrides: Sequence[str]
) -> list[tuple[dict[str, Any], BuildConfig]]:
    """The values and the settings of every combination; the last axis changes fastest.

    Raises:
        ConfigError: too many combinations, or a setting on two axes.
        UsageError: values that the settings do not take.
    """
    keys = [axis.key for axis in axes]
    if len(set(keys)) < len(keys):
        raise ConfigError(
            "the same setting is on two axes", hint="give it all values in one --over"
        )
    count = int(np.prod([len(axis.values) for axis in axes]))
    if count > MOST:
        raise ConfigError(f"{count} combinations are more than {MOST}", hint="fewer values")
    found = []
    for values in itertools.product(*(axis.values for axis in axes)):
        chosen = dict(zip(keys, values, strict=True))
        changes = [f"{key}={json.dumps(value)}" for key, value in chosen.items()]
        found.append((chosen, load_config(source, (*overrides, *changes))))
    return found


def sweep(
    source: str,
    axes: Sequence[Axis],
    folder: Path,
    overrides: Sequence[str] = (),
    *,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Build every combination, or go on with a sweep that was begun; write and return its document.

    Raises:
        as `combinations` and `builder.run.build`; what is finished is kept.
    """
    wanted = combinations(source, axes, overrides)
    points: list[Point] = []
    runs: list[Run] = []
    for number, (values, config) in enumerate(wanted, start=1):
        run = Run(folder / "runs" / _name(config))
        said = ", ".join(f"{key} {value}" for key, value in values.items())
        say(f"{number} of {len(wanted)}: {said}")
        if not (run.folder / RUN_FILE).is_file():
            _begin_as(run, config, runs)
        made = _unfinished(run, config)
        result = build(
            config, run.folder, progress=progress, again=True, keep_models=number < len(wanted)
        )
        runs.append(run)
        points.append(_measure(values, run, result.dataset, made, folder))
    document = {
        "config": source,
        "overrides": list(overrides),
        "axes": {axis.key: list(axis.values) for axis in axes},
        "points": [asdict(point) for point in points],
    }
    write_json(folder / "sweep.json", document)
    _draw(points, folder / "sweep.svg")
    with whole_file(folder / "sweep.md") as stream:
        stream.write(page(document))
    return document


def _name(config: BuildConfig) -> str:
    """Of a run: digits of its whole configuration."""
    text = json.dumps(config.model_dump(mode="json"), sort_keys=True)
    return sha256(text.encode()).hexdigest()[:12]


def _unfinished(run: Run, config: BuildConfig) -> dict[str, int]:
    """Units by stage that a build would make."""
    header = resolve_header(run, config)
    outdated = find_outdated(run, header).units
    found: Counter[str] = Counter()
    for stage in stages_of(config):
        for shard in range(units_of(stage.name, config)):
            there = run.sidecar(stage.name, shard) is not None
            found[stage.name] += not there or shard in outdated.get(stage.name, ())
    return {stage: count for stage, count in found.items() if count}


def _begin_as(run: Run, config: BuildConfig, earlier: Sequence[Run]) -> None:
    """Let a run begin as that earlier one is of which least would be made again."""
    costs = [(sum(_unfinished(other, config).values()), i) for i, other in enumerate(earlier)]
    if not costs:
        return
    begun = earlier[min(costs)[1]].folder
    link_stages(begun, run.folder, [stage.name for stage in stages_of(config)])


def _measure(
    values: Mapping[str, Any], run: Run, dataset: Path, made: dict[str, int], folder: Path
) -> Point:
    rows = list(read_rows(str(dataset), None))
    likely = [row[VALIDITY.name] for row in rows if row.get(VALIDITY.name) is not None]
    document = study([str(dataset)], Settings(measures=frozenset({"table1", "diversity"})))
    cells = {(one["measure"], one["side"]): one for one in document["corpora"][0]["measures"]}
    audits = sorted((dataset / RELEASE_AUDITS).glob("*.json"))
    return Point(
        values=dict(values),
        run=str(run.folder.relative_to(folder)),
        made=made,
        pairs=dict(Counter(row["task"] for row in rows)),
        validity=_mean(np.array(likely, dtype=np.float64)) if likely else None,
        statistics={
            name: (cells[name, side]["value"], cells[name, side]["low"], cells[name, side]["high"])
            for name, side in STATISTICS
            if (name, side) in cells
        },
        audits=[json.loads(path.read_text("utf-8"))["facts"] for path in audits],
    )


def _mean(values: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float, float]:
    """A mean with its 95% bootstrap interval."""
    replicates = bootstrap.draws(len(values)) @ values / len(values)
    return (float(values.mean()), *bootstrap.percentiles(replicates))


def page(document: Mapping[str, Any]) -> str:
    """The sweep as Markdown."""
    keys = list(document["axes"])
    tasks = sorted({task for point in document["points"] for task in point["pairs"]})
    measured = list(dict.fromkeys(name for p in document["points"] for name in p["statistics"]))
    lines = []
    for point in document["points"]:
        cells: list[Any] = [str(point["values"][key]) for key in keys]
        cells += [point["pairs"].get(task, 0) for task in tasks]
        cells.append(_interval(point["validity"], ".2f"))
        cells += [_interval(point["statistics"].get(name), ".1f") for name in measured]
        cells.append(", ".join(f"{n} {stage}" for stage, n in point["made"].items()) or "nothing")
        lines.append(cells)
    head = [*keys, *(f"{task} pairs" for task in tasks), "P(valid)", *measured, "units made"]
    return (
        "\n\n".join(
            [
                f"# Sweep of {document['config']}",
                "Released pairs, their mean P(valid) and measures of diversity as `dimsum stats` "
                "defines them, each with its 95% interval; and the units that were made for a "
                "line, the rest being those of an earlier one. P(valid) is the model's word; what "
                "readers found of a run stands on its card.",
                table(head, lines, "r"),
                "![Yield and P(valid) of each combination](sweep.svg)",
            ]
        )
        + "\n"
    )


def _interval(found: Sequence[float] | None, form: str) -> str:
    if found is None:
        return "-"
    value, low, high = (format(one, form) for one in found)
    return f"{value} ({low} to {high})"


def _draw(points: Sequence[Point], path: Path) -> None:
    """Yield against mean P(valid), a dot with its interval for each combination."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "sweep"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), constrained_layout=True)
    for point in points:
        total = sum(point.pairs.values())
        value, low, high = point.validity or (float("nan"),) * 3
        axes.errorbar(total, value, yerr=[[value - low], [high - value]], fmt="o", capsize=3)
        label = ", ".join(str(value) for value in point.values.values())
        axes.annotate(label, (total, value), xytext=(6, 4), textcoords="offset points", size=8)
    axes.set_xlabel("released pairs")
    axes.set_ylabel("mean P(valid)")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
