"""What a run knows about itself, as the facts of a dataset card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from builder.audit.record import Audits
from builder.config import Bound, BuildConfig
from builder.critics.windows import READ, describe_long
from builder.environment import SERVER, VLLM
from builder.environment import in_words as environment_in_words
from builder.measures.entailment import FORWARD
from builder.models import public_name, resolve
from builder.splitting import SPLITS
from builder.stages import near_duplicates
from builder.stages.edges import CAPPED, LEFT_OUT
from builder.stages.reasons import meaning_of
from builder.statistics.definitions import DEFINITIONS
from builder.statistics.funnel import Step, count_of_several
from builder.statistics.published import match_published, tables
from builder.stored import Stored
from builder.versions import versions_of
from cards.facts import (
    ColumnFacts,
    ConfigFacts,
    CriticPrecision,
    DataFile,
    DatasetFacts,
    FunnelStep,
    Link,
    ModelUse,
    ReferenceCorpus,
    Rule,
    RunFacts,
    Sample,
    SampleRow,
    SplitFacts,
    StageCost,
    StatisticsRow,
    TextUse,
)
from cards.languages import describe
from dimsum import __version__
from dimsum.errors import DimsumError
from dimsum.files import file_hash
from dimsum.language import languages_of
from dimsum.schema import SYNTAX, columns_of
from dimsum.tasks import TaskDefinition
from dimsum.tasks.words import both, by_what_they_read, either

SAMPLE_ROWS = 10
EVALUATION_FILE = "evaluation.json"
PICTURES = "pictures"
FUNNEL_PICTURE = f"{PICTURES}/funnel.png"
LIMITS = (
    "Every sentence is machine-made. Sentences may state falsehoods about real people, places "
    "and organisations; nothing here is news.",
    "Pairs were judged by a small entailment model, not by people. It overlooks swapped roles, "
    "changed modality and rare words.",
    "Numbers and names are compared as sets of words: a pair that keeps both but exchanges their "
    "places passes.",
)


def data_path(task: str, split: str, number: int, total: int) -> str:
    """Where one of the files of a task's split lies inside the released folder."""
    return f"data/{task}/{split}-{number:05d}-of-{total:05d}.parquet"


def data_paths(folder: Path, task: str, split: str) -> list[Path]:
    """The files of a task's split in a released folder, in the order of their rows."""
    return sorted((folder / "data" / task).glob(f"{split}-*.parquet"))


def dataset_facts(
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
    languages = (config.language,) if config.language else languages_of(sources)
    return DatasetFacts(
        name=config.name,
        title=config.name,
        version=f"{__version__}",
        summary=_summary(config, statistics, languages),
        language=languages,
        targets=either([task.plural for task in tasks]),
        task_categories=tuple(sorted({task.hub.category for task in tasks})),
        tags=("synthetic", *dict.fromkeys(task.hub.data_tag for task in tasks), "distillation"),
        columns=_columns(config, tasks),
        configs=_configs(folder, tasks),
        funnel=tuple(
            FunnelStep(
                stage=s.stage,
                counted=s.counted,
                entered=s.entered,
                kept=s.kept,
                rejected=s.rejected,
                meanings=_meanings(s, config),
            )
            for s in steps
        ),
        funnel_picture=FUNNEL_PICTURE if (folder / FUNNEL_PICTURE).is_file() else None,
        statistics=tuple(_statistics(statistics)),
        reference_corpora=tuple(_reference_corpora()),
        models=tuple(_models(header)),
        texts=tuple(_texts(config)),
        rules=tuple(_rules(config)),
        run=_run(config, header, steps),
        critic_precision=tuple(_critic_precision(config, header)),
        audits=audits.facts,
        audits_of_other_rows=audits.others,
        sample=_sample(rows),
        limits=(
            *LIMITS,
            *_describe_several(steps),
            *_describe_long(steps),
            *_describe_left_out(steps),
            *_describe_server(header),
            *_describe_mixture(header),
        ),
        student=student,
    )


def _columns(config: BuildConfig, tasks: Sequence[TaskDefinition]) -> tuple[ColumnFacts, ...]:
    own = config.registry.own_columns
    of_all = [ColumnFacts(name=c.name, dtype=c.dtype, meaning=c.meaning) for c in columns_of(tasks)]
    found = (*of_all, *(ColumnFacts(name=c.name, dtype="float32", meaning=c.meaning) for c in own))
    trees = config.released_syntax
    if trees is None:
        return found
    layers = "whole" if trees.height is None else f"its top {trees.height} layers"
    meaning = f"{SYNTAX.meaning}: {layers}, by the parser {trees.parser}, whose name stands first"
    return (*found, ColumnFacts(name=SYNTAX.name, dtype=SYNTAX.dtype, meaning=meaning))


def _summary(config: BuildConfig, statistics: dict[str, Any], languages: Sequence[str]) -> str:
    by_task = statistics["by"]["task"]
    tasks = [task for task in config.definitions if by_task.get(task.name)]
    language = describe(languages)
    counted = by_what_they_read(
        tasks,
        lambda some: both([f"{by_task[task.name]:,} {task.plural}" for task in some]) + " of",
        lambda task: task.texts_in(language),
    )
    domains = ", ".join(domain.name for domain in config.domains)
    return (
        f"{both(counted)} ({domains}), drawn from "
        f"{public_name(config.teacher.model)}, a language model that was asked for "
        f"{'neither' if len(config.definitions) == 2 else 'no such thing'}, and "
        "filtered by an entailment critic."
        + (
            " Rows with a round of 1 or more were written by a student that was trained on the "
            "earlier rows, and filtered alike."
            if config.round
            else ""
        )
    )


def _configs(folder: Path, tasks: Sequence[TaskDefinition]) -> tuple[ConfigFacts, ...]:
    number = {1: "All pairs", 2: "Both tasks together"}.get(len(tasks), "All tasks together")
    meanings = {"default": number, **{task.name: task.meaning for task in tasks}}
    found = []
    for name in meanings:
        members = [task.name for task in tasks if name in ("default", task.name)]
        splits = [_split(folder, members, split) for split in SPLITS]
        there = tuple(split for split in splits if split is not None)
        if there:
            found.append(
                ConfigFacts(
                    name=name, meaning=meanings[name], splits=there, default=name == "default"
                )
            )
    return tuple(found)


def _split(folder: Path, tasks: list[str], split: str) -> SplitFacts | None:
    files: list[DataFile] = []
    globs: list[str] = []
    rows = size = 0
    for task in tasks:
        paths = data_paths(folder, task, split)
        if paths:
            rows += Stored(paths).num_rows
            size += sum(group.nbytes for group in Stored(paths).groups())
            globs.append(f"data/{task}/{split}-*.parquet")
        for path in paths:
            files.append(
                DataFile(
                    path=path.relative_to(folder).as_posix(),
                    bytes=path.stat().st_size,
                    sha256=file_hash(path),
                )
            )
    if not files:
        return None
    return SplitFacts(name=split, rows=rows, bytes=size, globs=tuple(globs), files=tuple(files))


CARD_MEASURES = (
    ("msttr_1000", "target"),
    ("jaccard", "pair"),
    ("h2", "target"),
    ("h3", "target"),
    ("distinct_2", "target"),
    ("self_bleu", "target"),
)
"""(measure, side) of the study that a card shows; provenance/statistics.json has all of them."""


def _statistics(statistics: dict[str, Any]) -> list[StatisticsRow]:
    """Measures of each task beside the values that papers print, then the means of each task."""
    found = []
    for task, document in statistics["tasks"].items():
        published = _match_published(document, task)
        values = {(m["measure"], m["side"]): m for m in document["measures"]}
        for name, side in CARD_MEASURES:
            if (name, side) in values:
                definition = DEFINITIONS[name]
                grows = "; grows with the corpus" if definition.grows else ""
                found.append(
                    StatisticsRow(
                        metric=f"{name} of {side}s",
                        config=task,
                        value=values[name, side]["value"],
                        signature=f"{definition.text} (tokens: {definition.tokens}){grows}",
                        references=published.get(name, {}),
                    )
                )
    means = [
        StatisticsRow(
            metric=f"mean {measure}",
            config=task,
            value=value,
            signature=f"mean of the column (dimsum-plus {__version__}, all splits)",
        )
        for task, values in statistics["means"].items()
        for measure, value in values.items()
    ]
    return found + means


def _match_published(document: dict[str, Any], task: str) -> dict[str, dict[str, float | None]]:
    """Measure -> corpus -> printed value, for the measures whose definition matches ours.

    Tables of another task would not compare.
    """
    found: dict[str, dict[str, float | None]] = {}
    for table in match_published([{**document, "name": ""}]):
        if table["task"] != task:
            continue
        for name in table["columns"]:
            if name not in table["not_compared"]:
                found[name] = {row["corpus"]: row[name] for row in table["published"]}
    return found


def _reference_corpora() -> list[ReferenceCorpus]:
    return [
        ReferenceCorpus(
            name=row["corpus"], pairs=row["pairs"], source=f"values as printed in {table['source']}"
        )
        for table in tables()
        for row in table["rows"]
    ]


def _models(header: dict[str, Any]) -> list[ModelUse]:
    return [
        ModelUse(
            role=role,
            reference=public_name(model["reference"]),
            revision=model["revision"],
            licence=model["licence"],
            identity=model["identity"],
        )
        for role, model in header["models"].items()
    ]


def _texts(config: BuildConfig) -> list[TextUse]:
    found = [
        TextUse(
            name=f"openings of the user's own ({domain.file.name})",
            use=f"openings of {domain.name}",
        )
        for domain in config.domains
        if domain.file is not None
    ]
    if any(domain.kind == "news" for domain in config.domains):
        found.append(
            TextUse(
                name="GeoNames place names",
                use="datelines of news openings",
                licence="cc-by-4.0",
                source="https://www.geonames.org",
            )
        )
    return found


def _meanings(step: Step, config: BuildConfig) -> dict[str, str]:
    known = {reason: meaning_of(reason, config.registry.meanings) for reason in step.rejected}
    return {reason: meaning for reason, meaning in known.items() if meaning}


def _rules(config: BuildConfig) -> list[Rule]:
    meanings = config.registry.meanings
    return [
        Rule(task=task, rule=measure, condition=in_words(bound), meaning=meanings[measure])
        for task, rules in config.rules.items()
        for measure, bound in rules.items()
    ]


def in_words(bound: Bound) -> str:
    """A bound as a reader writes it."""
    low, high = bound.min, bound.max
    if low is None or high is None:
        ends = [f">= {low:g}"] if low is not None else []
        ends += [f"<= {high:g}"] if high is not None else []
        return "".join(ends) or "measured"
    return f"= {low:g}" if low == high else f"{low:g} to {high:g}"


def _run(config: BuildConfig, header: dict[str, Any], steps: Sequence[Step]) -> RunFacts:
    newest = (header.get("environments") or [{}])[-1]
    places = {role: newest.get(role, "") for role in header["models"]}
    dtypes = ", ".join(
        f"{role} on {places[role]}"
        if places[role].startswith((SERVER, VLLM))
        else f"{role} in {model['dtype']}"
        for role, model in header["models"].items()
    )
    return RunFacts(
        seed=config.seed,
        seconds=round(sum(step.seconds for step in steps), 1),
        tokens=sum(step.counters.get("tokens", 0) for step in steps),
        rounds=1 + (config.round.number if config.round else 0),
        device=dtypes,
        versions=versions_of(header.get("environments", ())),
        configuration="provenance/config.yaml",
        stages=tuple(
            StageCost(stage=s.stage, seconds=s.seconds, tokens=s.counters.get("tokens"))
            for s in steps
        ),
    )


def _describe_several(steps: Sequence[Step]) -> list[str]:
    """How many pairs could have been of another task, where there are such pairs."""
    found = both([f"{n:,} those of {name}" for name, n in count_of_several(steps).items()])
    return (
        [
            "Before repeats were dropped, pairs of other tasks satisfied the rules of a task as "
            f"well: {found}. A pair is of the first task in the order of the rules that it fits."
        ]
        if found
        else []
    )


def _describe_long(steps: Sequence[Step]) -> list[str]:
    """What the critic could not read at once, where there was such a text."""
    counters = next((step.counters for step in steps if step.stage == "scores"), {})
    said = describe_long({READ: counters.get("directions", 0), **counters})
    return [f"The critic did not read every premise at once: {said}."] if said else []


def _describe_left_out(steps: Sequence[Step]) -> list[str]:
    """That near-duplicates were not looked for among all that could be, where so."""
    counters = next((s.counters for s in steps if s.stage == near_duplicates.STAGE.name), {})
    groups, pairs = counters.get(CAPPED, 0), counters.get(LEFT_OUT, 0)
    if not groups:
        return []
    return [
        f"Near-duplicates: {groups:,} groups that met under one key were too large to compare all "
        f"their pairs; {pairs:,} comparisons were left out, and some near-duplicates may remain."
    ]


def _describe_server(header: dict[str, Any]) -> list[str]:
    """That another program has sampled from the teacher, where one did."""
    known = header.get("environments", ())
    servers = {one["teacher"] for one in known if one.get("teacher", "").startswith(SERVER)}
    engines = {one["teacher"] for one in known if one.get("teacher", "").startswith(VLLM)}
    return [
        *(
            f"The teacher was sampled by {server}: another server, or another version of it, may "
            "draw other texts for the same seed, and a banned text ends a sample there."
            for server in sorted(servers)
        ),
        *(
            f"The teacher was sampled by {engine}: another version or device may draw other texts "
            "for the same seed."
            for engine in sorted(engines)
        ),
    ]


def _describe_mixture(header: dict[str, Any]) -> list[str]:
    """That the rows come from several environments, where they do."""
    known = header.get("environments", ())
    if len(known) < 2:
        return []
    found = "; ".join(environment_in_words(environment) for environment in known)
    return [
        f"Its units were computed in {len(known)} environments and may differ in bytes: {found}."
    ]


def _critic_precision(config: BuildConfig, header: dict[str, Any]) -> list[CriticPrecision]:
    """What the critic's own evaluation says at the loosest threshold that a rule uses.

    Nothing where the critic that judged is not there any more, or is another by now.
    """
    try:
        critic = resolve(config.critic.model)
    except DimsumError:
        return []
    path = Path(critic.path) / EVALUATION_FILE
    judged = str(header["models"]["critic"]["identity"])
    if not path.is_file() or not judged.startswith(critic.identity):
        return []
    used = [rules[FORWARD].lowest for rules in config.rules.values() if FORWARD in rules]
    if not used:
        return []
    found = []
    for data in json.loads(path.read_text(encoding="utf-8"))["data"]:
        point = next(
            (p for p in data["thresholds"] if abs(p["threshold"] - min(used)) < 1e-9), None
        )
        if point and point["passed"]:
            found.append(
                CriticPrecision(
                    critic=public_name(config.critic.model),
                    data=data["name"],
                    n=point["passed"],
                    precision=point["precision"],
                    low=point["low"],
                    high=point["high"],
                    threshold=point["threshold"],
                )
            )
    return found


def _sample(rows: Stored) -> Sample:
    names = list(SampleRow.model_fields)
    train: list[dict[str, Any]] = []
    for group in rows.groups([*names, "split"]):
        train += group.filter(pc.field("split") == "train").slice(0, SAMPLE_ROWS).to_pylist()
        if len(train) >= SAMPLE_ROWS:
            break
    return Sample(
        rule="The first rows of train by their ids, which are hashes: nobody chose them.",
        rows=tuple(SampleRow(**{name: row[name] for name in names}) for row in train[:SAMPLE_ROWS]),
    )
