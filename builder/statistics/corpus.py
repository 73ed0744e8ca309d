"""A corpus by its name: a run, a released folder, a Hub dataset at a revision, or data files.

Rows are read in pieces and never all at once. A row is a source, a target and the split that it
lies in ("" where nobody says).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from builder.errors import BuilderError, ConfigError
from builder.store import RUN_FILE
from dimsum.data.dataset import SPLIT_COLUMN, find_data_files, make_reach_error
from dimsum.data.files import TABLES, explain_no_file, read_file_rows
from dimsum.data.values import Reading, check_columns, format_value
from dimsum.network import is_offline, prefer_cache_when_offline

PIECE = 8192
"""Rows of a piece. Nothing that is measured depends on it."""
MOST_CHARACTERS = 1 << 23
"""Characters of a piece of several rows."""
_HUB = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


@dataclass(frozen=True)
class Columns:
    """Which columns hold what.

    Attributes:
        split: None takes a column called split, else the name of the file.
        where: only rows whose columns have these values, as `dimsum.data` compares them.
    """

    source: str = "source"
    target: str = "target"
    split: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rows:
    """A piece of a corpus: three lists of one length."""

    source: list[str]
    target: list[str]
    split: list[str]

    def __len__(self) -> int:
        return len(self.source)

    def cut(self, most: int) -> Iterator[Rows]:
        """The same rows in pieces of up to `most` characters, or of one row."""
        first = characters = 0
        for row, (source, target) in enumerate(zip(self.source, self.target, strict=True)):
            here = len(source) + len(target)
            if row > first and characters + here > most:
                yield self._from(first, row)
                first, characters = row, 0
            characters += here
        yield self._from(first, len(self)) if first else self

    def _from(self, first: int, last: int) -> Rows:
        return Rows(self.source[first:last], self.target[first:last], self.split[first:last])


@dataclass(frozen=True)
class Corpus:
    """Where a corpus lies.

    Attributes:
        name: as reports call it; of a local path only its last part.
        kind: run, release, files or hub.
        files: data files, each with the split that its name says.
        revision: commit on the Hub.
        critics: identities of the models that filtered it, where its provenance says so.
    """

    name: str
    kind: str
    files: tuple[tuple[Path, str], ...]
    columns: Columns
    revision: str | None = None
    critics: tuple[str, ...] = ()

    def pieces(self, size: int = PIECE, reading: Reading | None = None) -> Iterator[Rows]:
        """The rows, up to `size` at a time.

        Args:
            reading: where rows and those that were dropped are counted.

        Raises:
            UsageError: a column is missing, or a file cannot be read.
        """
        counted = reading if reading is not None else Reading()
        for path, split in self.files:
            for rows in _split_pieces(path, split, self.columns, size, counted):
                yield from rows.cut(MOST_CHARACTERS)


def open_corpus(reference: str, columns: Columns | None = None) -> Corpus:
    """Find a corpus.

    Args:
        reference: a run folder, a released folder, a folder of data files or one such file, or a
            Hub dataset `owner/name[@revision]`.

    Raises:
        ConfigError: nothing there that can be read.
        BuilderError: the Hub could not be asked.
    """
    columns = columns or Columns()
    path = Path(reference).expanduser()
    if path.is_file():
        return Corpus(path.name, "files", _name_splits(path), columns)
    if (path / RUN_FILE).is_file():
        return _open_run(path, columns)
    if path.is_dir():
        return _open_folder(path, path.resolve().name, columns)
    if path.is_symlink():
        raise ConfigError(f"there is no corpus at {reference}", hint=explain_no_file(path))
    if _HUB.fullmatch(reference) and not reference.startswith("."):
        return _open_hub(reference, columns)
    raise ConfigError(
        f"there is no corpus at {reference}",
        hint="a run, a released folder, a data file, or a Hub dataset owner/name@revision",
    )


def _open_run(path: Path, columns: Columns) -> Corpus:
    from builder.store import Run

    run = Run.open(path)
    record = run.sidecar("splits", 0)
    if record is None:
        raise ConfigError(f"{path} is not finished", hint="`dimsum build` goes on with it")
    header = run.header()
    critic = header.get("models", {}).get("critic", {}).get("identity")
    name = str(header.get("config", {}).get("name", path.name))
    file = run.path("splits", 0)
    return Corpus(name, "run", ((file, ""),), columns, critics=(critic,) if critic else ())


def _open_folder(path: Path, name: str, columns: Columns, revision: str | None = None) -> Corpus:
    import json

    critics: tuple[str, ...] = ()
    kind = "hub" if revision else "files"
    models = path / "provenance" / "models.json"
    if models.is_file():
        kind = kind if revision else "release"
        try:
            found = json.loads(models.read_text(encoding="utf-8"))
            critics = (str(found["critic"]["identity"]),)
        except (OSError, ValueError, KeyError, TypeError):
            critics = ()
    return Corpus(name, kind, _name_splits(path), columns, revision, critics)


def _name_splits(path: Path) -> tuple[tuple[Path, str], ...]:
    """The data files with the splits that their names say, "" where nobody does."""
    return tuple((file, split or "") for file, split in find_data_files(path))


def _open_hub(reference: str, columns: Columns) -> Corpus:
    """Download the data files of a Hub dataset at one commit, into the client's cache."""
    from huggingface_hub import HfApi

    prefer_cache_when_offline()
    name, _, revision = reference.partition("@")
    api = HfApi()
    try:
        commit = api.dataset_info(name, revision=revision or None, timeout=30).sha
        patterns = [f"*{ending}" for ending in TABLES] + ["provenance/models.json"]
        folder = api.snapshot_download(
            name, repo_type="dataset", revision=commit, allow_patterns=patterns
        )
    except Exception as error:
        if is_offline():
            raise make_reach_error(reference) from error
        raise BuilderError(
            f"the dataset {reference} could not be fetched: "
            f"{(str(error).strip().splitlines() or [type(error).__name__])[0]}",
            hint="nothing of that name lies here; on the Hub, check name, revision and network; "
            "a gated one needs `hf auth login`",
        ) from error
    return _open_folder(Path(folder), name, columns, commit)


def _split_pieces(
    path: Path, split: str, columns: Columns, size: int, reading: Reading
) -> Iterator[Rows]:
    wanted = [columns.source, columns.target, *columns.where]
    wanted += [columns.split] if columns.split is not None else []
    own = columns.split or SPLIT_COLUMN
    piece: tuple[list[str], list[str], list[str]] = ([], [], [])
    for number, row in enumerate(read_file_rows(path, wanted, [own])):
        if number == 0:
            options = "--source, --target and --where" if columns.where else "--source and --target"
            check_columns(row, wanted, path.name, options)
        position = reading.read(row)
        if not reading.meets(row, columns.where, position):
            continue
        source = reading.text(row, columns.source, position)
        if source is None:
            continue
        said = format_value(row.get(own, split) or "")
        for target in reading.texts(row, columns.target, position):
            for column, value in zip(piece, (source, target, said), strict=True):
                column.append(value)
            if len(piece[0]) == size:
                yield Rows(*piece)
                piece = ([], [], [])
    if piece[0]:
        yield Rows(*piece)
