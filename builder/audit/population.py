"""What an audit is drawn from: the rows of a run, a release or a file, and a run's rejects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Any, Literal

from builder.audit.record import digest_rows
from builder.config import BuildConfig, parse_config
from builder.errors import BuilderError, ConfigError
from builder.report.source import read_config
from builder.stages.order import count_units, list_stages
from builder.store import REJECTS, RUN_FILE, Run, digest
from builder.stored import Stored
from dimsum.data.dataset import find_data_files
from dimsum.data.files import read_file_rows
from dimsum.data.values import Reading, check_columns, is_blank
from dimsum.errors import UsageError
from dimsum.metrics.overlap import compression
from dimsum.pairs import infer_task
from dimsum.tasks import TaskDefinition, task_names, task_of

SCORE = "entail_forward"
"""Column whose thirds are strata, where it is there and no other is named."""
RELEASED = "released"
"""Stands where a rejected row has its stage."""

Origin = Literal["run", "release", "file"]
TEXTS = ("source", "target")
PLAIN = ("id", "task", "control", "domain", "reason")


@dataclass(frozen=True, slots=True)
class Part:
    """One file of rows, and the stage that dropped them, or RELEASED."""

    path: Path
    stage: str


@dataclass(frozen=True)
class Population:
    """The rows that a sample stands for.

    Attributes:
        folder: of the run or release; of a file its own path.
        parts: files in order; a row is known by its position in all of them.
        released: digest of the ids of the released rows, which names exactly these rows.
        count: of released rows.
        keys: for each row (stage, reason, task, control).
        scores: for each row its score; None where it has none.
        tasks: definitions of the tasks of the rows, where there are any: those of the build, or
            those known by their names.
    """

    name: str
    origin: Origin
    folder: Path
    parts: tuple[Part, ...]
    score: str
    released: str = ""
    count: int = 0
    keys: list[tuple[str, str, str, str]] = field(default_factory=list)
    scores: list[float | None] = field(default_factory=list)
    tasks: tuple[TaskDefinition, ...] = ()

    def rows(self, positions: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Some rows whole, by their positions."""
        wanted = set(positions)
        last = max(wanted, default=-1)
        found = {}
        for position, row in enumerate(_read_rows(self.parts, self.score)):
            if position > last:
                break
            if position in wanted:
                found[position] = row
        return found


def open_population(
    corpus: Path, *, rejects: bool = False, score: str, reading: Reading | None = None
) -> Population:
    """Read what a sample of a corpus can be stratified by.

    Args:
        corpus: a run, a released folder, or data files with the columns source and target.
        rejects: also the pairs that a run dropped.
        score: column whose thirds are strata; rows without it are a stratum of their own.
        reading: where rows and those that are no pairs of texts are counted.

    Raises:
        ConfigError: nothing to draw from, no column of that name, or rejects asked of a corpus
            that keeps none.
        BuilderError: a file is damaged.
    """
    corpus = find_enclosing_run(corpus)
    name, origin, parts = _find_parts(corpus, rejects)
    keys: list[tuple[str, str, str, str]] = []
    scores: list[float | None] = []
    ids: list[str] = []
    counted = reading if reading is not None else Reading()
    for row in _read_rows(parts, score, counted):
        keys.append((row["stage"], row["reason"], row["task"], row["control"]))
        scores.append(row["score"])
        if row["stage"] == RELEASED:
            ids.append(row["id"])
    if not ids:
        hint = "no pair passed the filters" if origin == "run" else ""
        raise counted.nothing(str(corpus), "pair to draw from", hint=hint)
    return Population(
        name=name,
        origin=origin,
        folder=corpus.resolve(),
        parts=parts,
        score=score,
        released=digest_rows(ids),
        count=len(ids),
        keys=keys,
        scores=scores,
        tasks=_find_definitions(corpus, {task for _, _, task, _ in keys}),
    )


def _find_definitions(corpus: Path, names: set[str]) -> tuple[TaskDefinition, ...]:
    """Those of some tasks, in the order of their names in the registry; a build's own come last."""
    config = _find_config(corpus)
    found = {task.name: task for task in config.definitions} if config else {}
    known = {name: task_of(name) for name in task_names() if name in names and name not in found}
    order = {name: index for index, name in enumerate(task_names())}
    both = {name: task for name, task in {**known, **found}.items() if name in names}
    return tuple(both[name] for name in sorted(both, key=lambda name: order.get(name, len(order))))


def _find_config(corpus: Path) -> BuildConfig | None:
    """The configuration that made a run or a release, where it can be read."""
    if (corpus / RUN_FILE).is_file():
        return parse_config(Run.open(corpus).header()["config"])
    return read_config(corpus / "provenance" / "config.yaml")


def digest_released(corpus: Path) -> str:
    """The digest of the rows that a run, a release or a file holds now."""
    parts = _find_parts(find_enclosing_run(corpus), rejects=False)[2]
    return digest_rows([row["id"] for row in _read_rows(parts, "")])


def find_enclosing_run(corpus: Path) -> Path:
    """The run that a released folder lies in, or the corpus itself."""
    above = corpus.resolve().parent
    if corpus.is_dir() and not (corpus / RUN_FILE).is_file() and (above / RUN_FILE).is_file():
        return above
    return corpus


def _find_parts(corpus: Path, rejects: bool) -> tuple[str, Origin, tuple[Part, ...]]:
    if (corpus / RUN_FILE).is_file():
        return _find_parts_of_run(Run.open(corpus), rejects)
    if rejects:
        raise ConfigError(f"{corpus} keeps no rejected pairs", hint="give the run that made it")
    try:
        files = tuple(Part(file, RELEASED) for file, _ in find_data_files(corpus))
    except UsageError as error:
        raise ConfigError(
            f"there are no pairs at {corpus}: {error.message}",
            hint=error.hint or "give a run, a released folder, or data files",
        ) from error
    is_release = (corpus / "provenance").is_dir() or any(corpus.glob("data/**/*.parquet"))
    origin: Origin = "release" if is_release else "file"
    return corpus.resolve().name, origin, files


def _find_parts_of_run(run: Run, rejects: bool) -> tuple[str, Origin, tuple[Part, ...]]:
    config = parse_config(run.header()["config"])
    if run.sidecar("splits", 0) is None:
        raise BuilderError(f"{run.folder} is not finished", hint="run `dimsum build` again")
    parts = [Part(run.path("splits", 0), RELEASED)]
    for stage in list_stages(config) if rejects else ():
        for shard in range(count_units(stage.name, config)):
            record = run.sidecar(stage.name, shard)
            path = run.path(stage.name, shard, REJECTS)
            if record is not None and any(record.rejected.values()) and _has_pairs(path):
                parts.append(Part(path, stage.name))
    return config.name, "run", tuple(parts)


def _has_pairs(path: Path) -> bool:
    """Whether its rows are pairs, not single sentences."""
    return {"source", "target"} <= set(Stored([path]).schema.names)


def _read_rows(
    parts: Sequence[Part], score: str, reading: Reading | None = None
) -> Iterator[dict[str, Any]]:
    """The rows that are pairs of texts, in order."""
    optional = [*PLAIN, *([score] if score else [])]
    counted = reading if reading is not None else Reading()
    for part in parts:
        for number, row in enumerate(read_file_rows(part.path, TEXTS, optional)):
            if number == 0:
                check_columns(row, TEXTS, str(part.path), "")
                if score not in ("", SCORE, *row) and part.stage == RELEASED:
                    whole = next(read_file_rows(part.path))
                    check_columns(whole, [score], str(part.path), "--score")
            position = counted.read(row)
            source = counted.text(row, "source", position)
            if source is None:
                continue
            several = isinstance(row["target"], list)
            for target in counted.texts(row, "target", position):
                if is_blank(source) or is_blank(target):
                    counted.drop("empty", position)
                    continue
                one = {**row, "target": target, **({"id": None} if several else {})}
                yield _make_row(one, part, score, f"{part.path}, {position}")


def _make_row(row: dict[str, Any], part: Part, score: str, where: str) -> dict[str, Any]:
    source, target = row["source"], row["target"]
    task = _find_task(row)
    return {
        "id": str(row.get("id") or digest([task, source, target])[:16]),
        "source": source,
        "target": target,
        "task": task,
        "control": str(row.get("control") or ""),
        "domain": str(row.get("domain") or ""),
        "stage": part.stage,
        "reason": str(row.get("reason") or "") if part.stage != RELEASED else "",
        "score": _read_number(row.get(score), score, where) if score else None,
    }


def _read_number(value: Any, column: str, where: str) -> float | None:
    """A score; None where there is none."""
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{where}, column {column!r}, is no number: {value!r}",
            hint="correct it, or name another column with --score",
        ) from error
    return None if isnan(number) else number


def _find_task(row: dict[str, Any]) -> str:
    """Its task; of a rejected pair the one that its reason names, else the one of its length."""
    if row.get("task"):
        return str(row["task"])
    task, dot, _ = str(row.get("reason") or "").partition(".")
    if dot:
        return task
    found = infer_task(compression(row["source"], row["target"]))
    return found.name if found else ""
