"""What a run knows about itself, as the facts of a dataset card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from builder.audit.record import Audits
from builder.config import BuildConfig
from builder.facts.files import describe_configs, take_sample
from builder.facts.limits import describe_limits
from builder.facts.origins import (
    collect_run_facts,
    describe_texts,
    list_models,
    read_critic_precision,
)
from builder.facts.rules import describe_rules, explain_reasons
from builder.facts.statistics import describe_statistics, list_reference_corpora
from builder.measures.registry import RELEASED
from builder.models import make_public_name
from builder.statistics.funnel import Step
from builder.stored import Stored
from cards.facts import ColumnFacts, DatasetFacts, FunnelStep, Link
from cards.languages import describe
from dimsum import __version__
from dimsum.language import detect_languages
from dimsum.schema import SYNTAX, list_columns
from dimsum.tasks import TaskDefinition
from dimsum.tasks.words import group_by_source, join_and, join_or

PICTURES = "pictures"
FUNNEL_PICTURE = f"{PICTURES}/funnel.png"


def make_dataset_facts(
    folder: Path,
    rows: Stored,
    config: BuildConfig,
    header: dict[str, Any],
    steps: Sequence[Step],
    statistics: dict[str, Any],
    audits: Audits,
    student: Link | None = None,
) -> DatasetFacts:
    """Facts of a release whose data files are already in `folder`.

    Args:
        rows: released ones with the column `split`, ordered by id.
        header: of the run: its models and dtypes.
        statistics: as the release's `provenance/statistics.json` holds them.
        audits: that lie beside the run.
        student: trained on it, if one is known.
    """
    tasks = config.definitions
    sources = (
        text for group in rows.groups(["source"]) for text in map(str, group["source"].to_pylist())
    )
    languages = (config.language,) if config.language else detect_languages(sources)
    return DatasetFacts(
        name=config.name,
        title=config.name,
        version=f"{__version__}",
        summary=_write_summary(config, statistics, languages),
        language=languages,
        targets=join_or([task.plural for task in tasks]),
        task_categories=tuple(sorted({task.hub.category for task in tasks})),
        tags=("synthetic", *dict.fromkeys(task.hub.data_tag for task in tasks), "distillation"),
        columns=_describe_columns(config, tasks),
        configs=describe_configs(folder, tasks),
        funnel=tuple(
            FunnelStep(
                stage=s.stage,
                counted=s.counted,
                entered=s.entered,
                kept=s.kept,
                rejected=s.rejected,
                meanings=explain_reasons(s, config),
            )
            for s in steps
        ),
        funnel_picture=FUNNEL_PICTURE if (folder / FUNNEL_PICTURE).is_file() else None,
        statistics=tuple(describe_statistics(statistics)),
        reference_corpora=tuple(list_reference_corpora()),
        models=tuple(list_models(header)),
        texts=tuple(describe_texts(config)),
        rules=tuple(describe_rules(config)),
        run=collect_run_facts(config, header, steps),
        critic_precision=tuple(read_critic_precision(config, header)),
        audits=audits.facts,
        audits_of_other_rows=audits.others,
        sample=take_sample(rows),
        limits=describe_limits(steps, header),
        student=student,
    )


def _describe_columns(
    config: BuildConfig, tasks: Sequence[TaskDefinition]
) -> tuple[ColumnFacts, ...]:
    own = config.registry.own_columns
    of_all = [
        ColumnFacts(name=column.name, dtype=column.dtype, meaning=column.meaning)
        for column in list_columns(tasks, {c.name: c.meaning for c in RELEASED.values()})
    ]
    found = (*of_all, *(ColumnFacts(name=c.name, dtype="float32", meaning=c.meaning) for c in own))
    trees = config.released_syntax
    if trees is None:
        return found
    layers = "whole" if trees.height is None else f"its top {trees.height} layers"
    meaning = f"{SYNTAX.meaning}: {layers}, by the parser {trees.parser}, whose name stands first"
    return (*found, ColumnFacts(name=SYNTAX.name, dtype=SYNTAX.dtype, meaning=meaning))


def _write_summary(
    config: BuildConfig, statistics: dict[str, Any], languages: Sequence[str]
) -> str:
    by_task = statistics["by"]["task"]
    tasks = [task for task in config.definitions if by_task.get(task.name)]
    language = describe(languages)
    counted = group_by_source(
        tasks,
        lambda some: join_and([f"{by_task[task.name]:,} {task.plural}" for task in some]) + " of",
        lambda task: task.texts_in(language),
    )
    domains = ", ".join(domain.name for domain in config.domains)
    return (
        f"{join_and(counted)} ({domains}), drawn from "
        f"{make_public_name(config.teacher.model)}, a language model that was asked for "
        f"{'neither' if len(config.definitions) == 2 else 'no such thing'}, and "
        "filtered by an entailment critic."
        + (
            " Rows with a round of 1 or more were written by a student that was trained on the "
            "earlier rows, and filtered alike."
            if config.round
            else ""
        )
    )
