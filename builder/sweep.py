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
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from builder.audit.record import RELEASE_AUDITS
from builder.checks import check_ahead
from builder.config import BuildConfig, load_config, parse_config
from builder.errors import ConfigError, GateError
from builder.linked import link_stages
from builder.measures.registry import VALIDITY
from builder.outdated import find_outdated
from builder.progress import Progress
from builder.run import build, resolve_header
from builder.stages.order import count_units, list_stages
from builder.statistics.study import Settings, study
from builder.store import RUN_FILE, Run
from builder.sweep_page import draw, format_page
from dimsum.data.dataset import read_rows
from dimsum.files import open_whole_file, write_json
from dimsum.lock import hold
from dimsum.metrics import bootstrap

STATISTICS = (("h3", "target"), ("msttr_100", "target"), ("jaccard", "pair"))
"""Measures of diversity that are shown, with the side of the pair."""
MOST = 200
"""Combinations of one sweep: more are a mistake in the values."""


DOCUMENT = "sweep.json"


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
        validity: mean P(valid) of the released pairs with its 95% interval, by task; of none
            without a model.
        statistics: measures of diversity by name: value, low, high; None where there are too few
            rows for it.
        audits: shares that readers of these very rows found, as the card shows them.
    """

    values: dict[str, Any]
    run: str
    made: dict[str, int]
    pairs: dict[str, int]
    validity: dict[str, tuple[float, float, float]]
    statistics: dict[str, tuple[float | None, float | None, float | None]]
    audits: list[dict[str, Any]]


def parse_axis(text: str) -> Axis:
    """`a.b=1,2,3` as a setting and its values, each read as YAML.

    Raises:
        ConfigError: not of this form, no value, or one that stands twice.
    """
    key, equals, listed = text.partition("=")
    try:  # what JSON has no word for, such as a date, is a text
        values = json.loads(json.dumps(yaml.safe_load(f"[{listed}]"), default=str))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        values = None
    if not equals or not key.strip() or not values:
        raise ConfigError(
            f"--over {text!r} is not of the form a.b=VALUE,VALUE", hint="such as --over seed=0,1"
        )
    if len({json.dumps(value) for value in values}) < len(values):
        raise ConfigError(f"--over {text!r} names a value twice", hint="give each value once")
    return Axis(key.strip(), tuple(values))


def list_combinations(
    source: str, axes: Sequence[Axis], overrides: Sequence[str]
) -> list[tuple[dict[str, Any], BuildConfig]]:
    """The values and the settings of every combination; the last axis changes fastest.

    Raises:
        ConfigError: too many combinations, or a setting on two axes, or on one and in `overrides`.
        UsageError: values that the settings do not take.
    """
    keys = [axis.key for axis in axes]
    for key, other in itertools.permutations(keys, 2):
        if f"{other}.".startswith(f"{key}."):
            raise ConfigError(
                f"the same setting is on two axes: {other}", hint="give it all values in one --over"
            )
    for key, override in itertools.product(keys, overrides):
        if f"{override.partition('=')[0].strip()}.".startswith(f"{key}."):
            raise ConfigError(
                f"--set {override} would have no effect together with --over {key}",
                hint="leave out one",
            )
    count = int(np.prod([len(axis.values) for axis in axes]))
    if count > MOST:
        raise ConfigError(f"{count} combinations are more than {MOST}", hint="fewer values")
    found: list[tuple[dict[str, Any], BuildConfig]] = []
    for values in itertools.product(*(axis.values for axis in axes)):
        chosen = dict(zip(keys, values, strict=True))
        changes = [f"{key}={json.dumps(value)}" for key, value in chosen.items()]
        config = load_config(source, (*overrides, *changes))
        if same := next((other for other, known in found if known == config), None):
            raise ConfigError(
                f"{_say(same)} and {_say(chosen)} are the same settings",
                hint="leave one of the values out",
            )
        found.append((chosen, config))
    return found


def _say(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


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
        ConfigError: the folder is a run, or holds a sweep with lines that this one does not have.
        Busy: another process is at work there.
        as `list_combinations` and `builder.run.build`; what is finished is kept.
    """
    wanted = list_combinations(source, axes, overrides)
    before = _check_folder(folder, {_make_name(config) for _, config in wanted})
    document: dict[str, Any] = {
        "config": source,
        "overrides": list(overrides),
        "axes": {axis.key: list(axis.values) for axis in axes},
        "points": [],
    }
    runs: list[Run] = []
    check_ahead(config for _, config in wanted)
    with hold(folder, "sweeping"):
        for number, (values, config) in enumerate(wanted, start=1):
            run = Run(folder / "runs" / _make_name(config))
            say(f"{number} of {len(wanted)}: {_say(values)}")
            if not (run.folder / RUN_FILE).is_file():
                _begin_as(run, config, runs)
            made = _count_unfinished(run, config)
            _build(run, config, progress, keep_models=number < len(wanted))
            runs.append(run)
            document["points"].append(asdict(_measure(values, run, config, made, folder)))
            if number >= before:
                write_json(folder / DOCUMENT, document)
        draw(document["points"], folder / "sweep.svg")
        with open_whole_file(folder / "sweep.md") as stream:
            stream.write(format_page(document))
    return document


def _build(run: Run, config: BuildConfig, progress: Progress | None, *, keep_models: bool) -> None:
    """Build a run; that its filters keep no pair is what there is to know of its values."""
    try:
        build(config, run.folder, progress=progress, again=True, keep_models=keep_models)
    except GateError:
        last = run.sidecar(list_stages(config)[-1].name, 0)
        if last is None or last.kept:
            raise


def _check_folder(folder: Path, wanted: Collection[str]) -> int:
    """Refuse a folder in which something finished would be replaced or mixed up.

    Returns:
        the lines of the sweep that is there.
    """
    if (folder / RUN_FILE).is_file():
        raise ConfigError(f"{folder} is a run", hint="choose another --output")
    try:
        earlier = json.loads((folder / DOCUMENT).read_text(encoding="utf-8"))
        lost = [one for one in earlier["points"] if Path(one["run"]).name not in wanted]
    except (OSError, ValueError, LookupError, TypeError):
        return 0
    if lost:
        raise ConfigError(
            f"{folder} holds a sweep of {earlier['config']} with other values or settings, "
            f"{len(lost)} of its lines, such as {_say(lost[0]['values'])}",
            hint="choose another --output; or give those values too, with the settings of then",
        )
    return len(earlier["points"])


def _make_name(config: BuildConfig) -> str:
    """Of a run: digits of its whole configuration."""
    text = json.dumps(config.model_dump(mode="json"), sort_keys=True)
    return sha256(text.encode()).hexdigest()[:12]


def _count_unfinished(run: Run, config: BuildConfig) -> dict[str, int]:
    """Units by stage that a build would make."""
    header = resolve_header(run, config)
    outdated = find_outdated(run, header).units
    config = parse_config(header["config"])  # with as many shards as the run has taken
    found: Counter[str] = Counter()
    for stage in list_stages(config):
        for shard in range(count_units(stage.name, config)):
            there = run.sidecar(stage.name, shard) is not None
            found[stage.name] += not there or shard in outdated.get(stage.name, ())
    return {stage: count for stage, count in found.items() if count}


def _begin_as(run: Run, config: BuildConfig, earlier: Sequence[Run]) -> None:
    """Let a run begin as that earlier one is of which least would be made again."""
    costs = [(sum(_count_unfinished(other, config).values()), i) for i, other in enumerate(earlier)]
    if not costs:
        return
    begun = earlier[min(costs)[1]].folder
    link_stages(begun, run.folder, [stage.name for stage in list_stages(config)])


def _measure(
    values: Mapping[str, Any], run: Run, config: BuildConfig, made: dict[str, int], folder: Path
) -> Point:
    dataset = run.folder / config.name
    path = str(run.folder.relative_to(folder))
    if not dataset.is_dir():
        return Point(dict(values), path, made, {}, {}, {}, [])
    rows = list(read_rows(str(dataset), None))
    likely: dict[str, list[float]] = {}
    for row in rows:
        if row.get(VALIDITY.name) is not None:
            likely.setdefault(row["task"], []).append(row[VALIDITY.name])
    document = study([str(dataset)], Settings(measures=frozenset({"table1", "diversity"})))
    cells = {(one["measure"], one["side"]): one for one in document["corpora"][0]["measures"]}
    audits = sorted((dataset / RELEASE_AUDITS).glob("*.json"))
    return Point(
        values=dict(values),
        run=path,
        made=made,
        pairs=dict(Counter(row["task"] for row in rows)),
        validity={task: _average(np.array(found)) for task, found in sorted(likely.items())},
        statistics={
            name: (cells[name, side]["value"], cells[name, side]["low"], cells[name, side]["high"])
            for name, side in STATISTICS
            if (name, side) in cells
        },
        audits=[json.loads(path.read_text("utf-8"))["facts"] for path in audits],
    )


def _average(values: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float, float]:
    """A mean with its 95% bootstrap interval."""
    replicates = bootstrap.draw_resamples(len(values)) @ values / len(values)
    return (float(values.mean()), *bootstrap.find_percentiles(replicates))
