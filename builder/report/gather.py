"""A corpus becomes the facts of its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from builder.audit.record import (
    RELEASE_AUDITS,
    RUN_AUDITS,
    Audits,
    digest_rows,
    read_audits,
)
from builder.config import BuildConfig
from builder.facts import describe_bound
from builder.models import make_public_name
from builder.public import make_public
from builder.report import distributions
from builder.report.breakdowns import make_breakdowns
from builder.report.explorer import make_explorer
from builder.report.model import Making, ModelLine, Report, RuleLine
from builder.report.pairs import make_pairs
from builder.report.removed import list_removals
from builder.report.repeats import find_repeats
from builder.report.source import Source, open_source, read_json
from builder.report.statistics import list_statistics
from dimsum.tasks.words import join_or


def gather(folder: Path, measured: Path | None = None) -> Report:
    """Read everything that a report says.

    Args:
        folder: a run, finished or not, or a released folder.
        measured: JSON with statistics, instead of those that the corpus carries.

    Raises:
        ConfigError: the folder is neither.
        BuilderError: one of its files is damaged.
    """
    source = open_source(folder)
    rows = source.rows
    return Report(
        name=source.name,
        kind="run" if source.run else "release",
        rows=rows.num_rows,
        tasks=distributions.count_shares(rows, "task"),
        words=source.tasks,
        targets=join_or([task.plural for task in source.tasks]) or "pairs of its tasks",
        splits=distributions.count_shares(rows, "split"),
        teacher=_describe_teacher(source),
        steps=source.steps,
        removals=list_removals(source),
        histograms=distributions.make_histograms(rows, source.known.released, source.tasks),
        lengths=distributions.make_histograms(rows, distributions.LENGTHS, source.tasks),
        grid=distributions.make_grid(rows),
        controls=distributions.count_shares(rows, "control"),
        breakdowns=make_breakdowns(source),
        explorer=make_explorer(source),
        repeats=find_repeats(source),
        columns=source.known.released,
        pairs=make_pairs(source),
        statistics=list_statistics(read_json(measured) if measured else source.statistics),
        audits=_read_audits(source, folder),
        making=_describe_making(source),
    )


def _read_audits(source: Source, folder: Path) -> Audits:
    """What readers found in these very rows."""
    subfolder = RUN_AUDITS if source.run else RELEASE_AUDITS
    return read_audits(folder / subfolder, digest_rows(map(str, source.rows["id"].to_pylist())))


def _describe_teacher(source: Source) -> str:
    found = source.models.get("teacher", {})
    return make_public_name(str(found["reference"])) if found.get("reference") else ""


def _describe_making(source: Source) -> Making:
    config = source.config
    return Making(
        models=tuple(_describe_model(role, model) for role, model in source.models.items()),
        rules=tuple(_list_rules(config)) if config else (),
        versions={str(name): str(value) for name, value in source.versions.items()},
        configuration=_show_config(config) if config else "",
        seed=config.seed if config else None,
        limits=source.limits,
    )


def _describe_model(role: str, model: dict[str, Any]) -> ModelLine:
    return ModelLine(
        role=role,
        name=make_public_name(str(model.get("reference", ""))),
        dtype=str(model.get("dtype") or ""),
        licence=str(model.get("licence") or "not known"),
        identity=str(model.get("revision") or model.get("identity") or ""),
    )


def _list_rules(config: BuildConfig) -> list[RuleLine]:
    meanings = config.registry.meanings
    return [
        RuleLine(task, measure, describe_bound(bound), meanings[measure])
        for task, rules in config.rules.items()
        for measure, bound in rules.items()
    ]


def _show_config(config: BuildConfig) -> str:
    document = make_public(config.model_dump(mode="json"))
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
