"""A corpus becomes the facts of its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from builder.audit.record import (
    RELEASE_AUDITS,
    RUN_AUDITS,
    Audits,
    read_audits,
    rows_digest,
)
from builder.config import BuildConfig
from builder.facts import in_words
from builder.models import make_public_name
from builder.public import public
from builder.report import distributions
from builder.report.breakdowns import breakdowns
from builder.report.explorer import explorer
from builder.report.model import Making, ModelLine, Report, RuleLine
from builder.report.pairs import pairs
from builder.report.removed import removals
from builder.report.repeats import repeats
from builder.report.source import Source, open_source, read_json
from builder.report.statistics import statistics
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
        tasks=distributions.shares(rows, "task"),
        words=source.tasks,
        targets=join_or([task.plural for task in source.tasks]) or "pairs of its tasks",
        splits=distributions.shares(rows, "split"),
        teacher=_teacher(source),
        steps=source.steps,
        removals=removals(source),
        histograms=distributions.histograms(rows, source.known.released, source.tasks),
        lengths=distributions.histograms(rows, distributions.LENGTHS, source.tasks),
        grid=distributions.grid(rows),
        controls=distributions.shares(rows, "control"),
        breakdowns=breakdowns(source),
        explorer=explorer(source),
        repeats=repeats(source),
        columns=source.known.released,
        pairs=pairs(source),
        statistics=statistics(read_json(measured) if measured else source.statistics),
        audits=_audits(source, folder),
        making=_making(source),
    )


def _audits(source: Source, folder: Path) -> Audits:
    """What readers found in these very rows."""
    subfolder = RUN_AUDITS if source.run else RELEASE_AUDITS
    return read_audits(folder / subfolder, rows_digest(map(str, source.rows["id"].to_pylist())))


def _teacher(source: Source) -> str:
    found = source.models.get("teacher", {})
    return make_public_name(str(found["reference"])) if found.get("reference") else ""


def _making(source: Source) -> Making:
    config = source.config
    return Making(
        models=tuple(_model(role, model) for role, model in source.models.items()),
        rules=tuple(_rules(config)) if config else (),
        versions={str(name): str(value) for name, value in source.versions.items()},
        configuration=_show_config(config) if config else "",
        seed=config.seed if config else None,
        limits=source.limits,
    )


def _model(role: str, model: dict[str, Any]) -> ModelLine:
    return ModelLine(
        role=role,
        name=make_public_name(str(model.get("reference", ""))),
        dtype=str(model.get("dtype") or ""),
        licence=str(model.get("licence") or "not known"),
        identity=str(model.get("revision") or model.get("identity") or ""),
    )


def _rules(config: BuildConfig) -> list[RuleLine]:
    meanings = config.registry.meanings
    return [
        RuleLine(task, measure, in_words(bound), meanings[measure])
        for task, rules in config.rules.items()
        for measure, bound in rules.items()
    ]


def _show_config(config: BuildConfig) -> str:
    document = public(config.model_dump(mode="json"))
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
