"""A corpus by its name: a run, a released folder, a Hub dataset at a revision, or data files.

Rows are read in pieces and never all at once. A row is a source, a target and the split that it
lies in ("" where nobody says).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builder.errors import BuilderError, ConfigError
from builder.statistics.files import FORMATS, format_of, read_columns
from builder.store import RUN_FILE

PIECE = 8192
"""Rows of a piece. Nothing that is measured depends on it."""
MOST_CHARACTERS = 1 << 23
"""Characters of a piece of several rows."""
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
_SPLIT = re.compile(r"(?:^|[/_.-])(" + "|".join(SPLIT_NAMES) + r")(?=[/_.-])")
_HUB = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


@dataclass(frozen=True)
class Columns:
    """Which columns hold what.

    Attributes:
        split: None takes a column called split, else the name of the file.
        where: only rows whose columns have these values.
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

    def pieces(self, size: int = PIECE) -> Iterator[Rows]:
        """The rows, up to `size` at a time.

        Raises:
            ConfigError: a column is missing.
            BuilderError: a file cannot be read.
        """
        for path, split in self.files:
            for rows in _pieces(path, split, self.columns, size):
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
        format_of(path)
        return Corpus(path.name, "files", ((path, _split_in(path.name)),), columns)
    if (path / RUN_FILE).is_file():
        return _of_run(path, columns)
    if path.is_dir():
        return _of_folder(path, path.resolve().name, columns)
    if _HUB.fullmatch(reference) and not reference.startswith("."):
        return _of_hub(reference, columns)
    raise ConfigError(
        f"there is no corpus at {reference}",
        hint="a run, a released folder, a data file, or a Hub dataset owner/name@revision",
    )


def _of_run(path: Path, columns: Columns) -> Corpus:
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


def _of_folder(path: Path, name: str, columns: Columns, revision: str | None = None) -> Corpus:
    import json

    inside = path / "data" if (path / "data").is_dir() else path
    files = sorted(p for p in inside.rglob("*") if p.is_file() and p.name.endswith(FORMATS))
    files = [p for p in files if not any(x.startswith(".") for x in p.relative_to(path).parts)]
    if not files:
        raise ConfigError(
            f"{name} holds no data file", hint=f"files that can be read: {', '.join(FORMATS)}"
        )
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
    named = tuple((p, _split_in(p.relative_to(path).as_posix())) for p in files)
    return Corpus(name, kind, named, columns, revision, critics)


def _of_hub(reference: str, columns: Columns) -> Corpus:
    """Download the data files of a Hub dataset at one commit, into the client's cache."""
    from huggingface_hub import HfApi

    name, _, revision = reference.partition("@")
    api = HfApi()
    try:
        commit = api.dataset_info(name, revision=revision or None, timeout=30).sha
        patterns = [f"*{ending}" for ending in FORMATS] + ["provenance/models.json"]
        folder = api.snapshot_download(
            name, repo_type="dataset", revision=commit, allow_patterns=patterns
        )
    except Exception as error:
        raise BuilderError(
            f"the dataset {reference} could not be fetched: "
            f"{(str(error).strip().splitlines() or [type(error).__name__])[0]}",
            hint="nothing of that name lies here; on the Hub, check name, revision and network; "
            "a gated one needs `hf auth login`",
        ) from error
    return _of_folder(Path(folder), name, columns, commit)


def _split_in(path: str) -> str:
    found = _SPLIT.search(path.lower())
    return SPLIT_NAMES[found.group(1)] if found else ""


def _pieces(path: Path, split: str, columns: Columns, size: int) -> Iterator[Rows]:
    wanted = [columns.source, columns.target, *columns.where]
    optional = [columns.split or "split"]
    if columns.split is not None:
        wanted, optional = [*wanted, columns.split], []
    for found in read_columns(path, wanted, optional, size):
        source, target = _texts(found[columns.source]), _texts(found[columns.target])
        splits = found.get(columns.split or "split")
        named = _texts(splits) if splits is not None else [split] * len(source)
        rows = Rows(source, target, named)
        yield _filtered(rows, found, columns.where) if columns.where else rows


def _texts(values: Sequence[Any]) -> list[str]:
    """Texts of a column; what is missing is empty, and what is not text is written as text.

    Half of a surrogate pair, which JSON can carry and UTF-8 cannot, becomes a replacement mark.
    """
    found = []
    for value in values:
        text = "" if value is None else value if isinstance(value, str) else str(value)
        if not text.isascii():
            text = text.encode("utf-8", "replace").decode("utf-8")
        found.append(text)
    return found


def _filtered(rows: Rows, found: Mapping[str, Sequence[Any]], where: Mapping[str, str]) -> Rows:
    keep = [
        i
        for i in range(len(rows))
        if all(str(found[name][i]) == value for name, value in where.items())
    ]
    return Rows(
        [rows.source[i] for i in keep],
        [rows.target[i] for i in keep],
        [rows.split[i] for i in keep],
    )
