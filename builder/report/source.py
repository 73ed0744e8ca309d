"""Where a report reads: a run or a released folder; columns first, texts when asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml
from pydantic import TypeAdapter, ValidationError

from builder.config import BuildConfig, parse_config
from builder.errors import BuilderError, ConfigError
from builder.measures.registry import Registry, load_registry
from builder.splitting import SPLITS
from builder.statistics.funnel import Step, count_funnel
from builder.store import RUN_FILE, Run
from builder.stored import Stored
from builder.versions import list_versions
from dimsum.errors import UsageError
from dimsum.os_errors import explain_missing
from dimsum.tasks import TaskDefinition, task_names, task_of

LABELS = ("id", "task", "control", "domain", "method", "context_id")
"""What is read of every row beside its measures; texts are only counted on the way."""

TEXTS = ("source", "target")
WORDS = ("source_words", "target_words")


@dataclass(frozen=True)
class Source:
    """A corpus opened for a report.

    Attributes:
        name: of the corpus.
        run: None for a released folder.
        rows: LABELS, the released measures, `split`, and the words of both sentences as
            source_words and target_words; every released row. `context_sentences` is null where
            only a run would know.
        files: parquet files that hold the rows' texts.
        steps: the funnel; empty where it is not known.
        config: None where it is missing or of another version.
        statistics: what `provenance/statistics.json` holds, if anything.
        limits: sentences on what the corpus is not.
    """

    name: str
    run: Run | None
    rows: pa.Table
    files: tuple[Path, ...]
    steps: tuple[Step, ...]
    config: BuildConfig | None
    models: dict[str, Any]
    versions: dict[str, str]
    statistics: Any
    limits: tuple[str, ...]

    @property
    def tasks(self) -> tuple[TaskDefinition, ...]:
        """The tasks of the corpus, in order; without a configuration those known of its rows."""
        if self.config is not None:
            return self.config.definitions
        known = task_names()
        there = sorted(map(str, self.rows["task"].unique().to_pylist()))
        return tuple(task_of(task) for task in there if task in known)

    @property
    def known(self) -> Registry:
        """The measures that the corpus was built with, as far as its configuration is known."""
        return self.config.registry if self.config else load_registry()

    def first(self, task: str | None, most: int) -> pa.Table:
        """At most `most` rows, by id: ids are hashes, so nobody chose them."""
        rows = self.rows if task is None else self.rows.filter(pc.field("task") == task)
        return rows.sort_by("id").slice(0, most)

    def texts(self, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """(source, target) of some rows, by id."""
        if not ids:
            return {}
        wanted = pc.field("id").isin(pa.array(ids))
        found: dict[str, tuple[str, str]] = {}
        for group in Stored(self.files).groups(["id", *TEXTS]):
            columns = [column.to_pylist() for column in group.filter(wanted).columns]
            found |= {key: (source, target) for key, source, target in zip(*columns, strict=True)}
        return found


def open_source(folder: Path) -> Source:
    """Open a run, finished or not, or a released folder.

    Raises:
        ConfigError: the folder is neither.
        BuilderError: a file of it is damaged or lacks a column.
    """
    if (folder / RUN_FILE).is_file():
        return _open_run(Run.open(folder))
    if not folder.is_dir():
        hint = explain_missing(folder, "give a run or a released folder")
        raise ConfigError(f"there is no folder {folder}", hint=hint)
    files = sorted(folder.glob("data/**/*.parquet"))
    if not files:
        raise ConfigError(
            f"{folder} is neither a run nor a released folder",
            hint="a run has run.json, a released folder has data/ with parquet files",
        )
    return _open_release(folder, files)


def _open_run(run: Run) -> Source:
    header = run.header()
    config = parse_config(header["config"])
    done = run.sidecar("splits", 0) is not None
    files = (run.path("splits", 0),) if done else ()
    provenance = run.folder / config.name / "provenance"
    return Source(
        name=config.name,
        run=run,
        rows=_add_lengths(
            _read_columns([(path, None) for path in files], config.registry), run if done else None
        ),
        files=files,
        steps=tuple(count_funnel(run, config)),
        config=config,
        models=header.get("models", {}),
        versions=_read_known(provenance / "versions.json", _VERSIONS, None) or list_versions(),
        statistics=read_json(provenance / "statistics.json") if done else None,
        limits=_read_limits(provenance),
    )


def _open_release(folder: Path, files: list[Path]) -> Source:
    provenance = folder / "provenance"
    config = read_config(provenance / "config.yaml")
    return Source(
        name=config.name if config else folder.resolve().name,
        run=None,
        rows=_add_lengths(
            _read_columns(
                [(path, _find_split(path)) for path in files],
                config.registry if config else load_registry(),
            ),
            None,
        ),
        files=tuple(files),
        steps=_read_known(provenance / "funnel.json", _STEPS, ()),
        config=config,
        models=_read_known(provenance / "models.json", _MODELS, {}),
        versions=_read_known(provenance / "versions.json", _VERSIONS, {}),
        statistics=read_json(provenance / "statistics.json"),
        limits=_read_limits(provenance),
    )


def _add_lengths(rows: pa.Table, run: Run | None) -> pa.Table:
    """The rows with the number of sentences in the context of each."""
    lengths: Any = pa.nulls(rows.num_rows, pa.int32())
    record = run.sidecar("splits", 0) if run else None
    if run and record and run.path("splits", 0, "origins").name in record.files:
        lengths = run.read("splits", 0, "origins")["context_sentences"]
    return rows.append_column("context_sentences", lengths)


def _find_split(path: Path) -> str:
    name = path.name.partition("-")[0].removesuffix(".parquet")
    return name if name in SPLITS else "train"


def read_config(path: Path) -> BuildConfig | None:
    """The configuration, or None where it is of another version: the rest can still be shown."""
    if not path.is_file():
        return None
    try:
        return parse_config(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError, yaml.YAMLError, UsageError):
        return None


_STEPS: TypeAdapter[tuple[Step, ...]] = TypeAdapter(tuple[Step, ...])
_MODELS: TypeAdapter[dict[str, dict[str, Any]]] = TypeAdapter(dict[str, dict[str, Any]])
_VERSIONS: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


def _read_known(path: Path, kind: TypeAdapter[Any], absent: Any) -> Any:
    """A JSON document of a known kind, or `absent` where there is no file.

    Raises:
        BuilderError: the file holds something else.
    """
    content = read_json(path)
    if content is None:
        return absent
    try:
        return kind.validate_python(content)
    except ValidationError as error:
        raise BuilderError(
            f"{path} does not hold what a release writes there", hint="write the release again"
        ) from error


def read_json(path: Path) -> Any:
    """A JSON document, or None where there is no file.

    Raises:
        BuilderError: the file is not JSON.
    """
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BuilderError(f"{path} is not JSON", hint="write the release again") from error


def _read_limits(provenance: Path) -> tuple[str, ...]:
    facts = read_json(provenance / "facts.json")
    return tuple(facts.get("limits", ())) if isinstance(facts, dict) else ()


def _read_columns(files: Sequence[tuple[Path, str | None]], known: Registry) -> pa.Table:
    """All rows without their texts; a split of None is read from the file."""
    measures = [column.name for column in known.released]
    batches = [batch for path, split in files for batch in _read_batches(path, split, measures)]
    return pa.concat_tables(batches) if batches else _make_empty(measures)


def _read_batches(path: Path, split: str | None, measures: Sequence[str]) -> Iterator[pa.Table]:
    wanted = [*LABELS, *measures, *TEXTS] + (["split"] if split is None else [])
    file = Stored([path])
    missing = set(wanted) - set(file.schema.names)
    if missing:
        raise BuilderError(
            f"{path} has no column {', '.join(sorted(missing))}",
            hint="a report reads the columns of a release of `dimsum build`",
        )
    for table in file.groups(wanted):
        for name, side in zip(WORDS, TEXTS, strict=True):
            words = pc.count_substring_regex(table[side], pattern=r"\S+")
            table = table.append_column(name, words)
        if split is not None:
            table = table.append_column("split", pa.array([split] * table.num_rows))
        yield table.select([*LABELS, *measures, *WORDS, "split"])


def _make_empty(measures: Sequence[str]) -> pa.Table:
    kinds = dict.fromkeys(LABELS, pa.string()) | dict.fromkeys(measures, pa.float32())
    counts = dict.fromkeys(WORDS, pa.int32())
    return pa.schema({**kinds, **counts, "split": pa.string()}).empty_table()
