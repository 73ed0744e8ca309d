"""The run folder: shards of rows, a sidecar beside each, nothing half-written.

    RUN/run.json                     what this folder is, the configuration, what was resolved
    RUN/<stage>/00012.parquet        rows that go on
    RUN/<stage>/00012.<name>.parquet further tables of the unit (rejects, links)
    RUN/<stage>/00012.json           sidecar: fingerprint, counts, seconds, sha256 of each table

A unit is done when its sidecar carries the expected fingerprint and its tables have the bytes
that the sidecar names. The sidecar is written last, so a unit that was cut short is not done.
RUN is a folder of this machine or one in a store (`dimsum.places`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from builder.errors import BuilderError, ConfigError
from builder.stored import GROUP, Made, explain_damage
from dimsum.files import hash_file, hash_written, open_atomic, write_json, write_text
from dimsum.lock import LOCK, hold
from dimsum.os_errors import explain_missing
from dimsum.places import open_source

FORMAT = 1
RUN_FILE = "run.json"
REJECTS = "rejects"


@dataclass
class Output:
    """What a stage makes of one shard.

    Attributes:
        table: rows that go on.
        extra: further tables by name; `rejects` holds rows with a `reason`.
        entered: how many came in, kept or not.
        rejected: how many were dropped, by reason.
        counters: other counts worth keeping (tokens, model calls).
        group: rows that a reader of a part of a table has to read at least.
    """

    table: pa.Table | Made
    extra: dict[str, pa.Table | Made] = field(default_factory=dict)
    entered: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    group: int | None = None


class Sidecar(BaseModel):
    """The record of one finished unit.

    Attributes:
        inputs: sha256 of each file that it read from outside the run, by the input's name.
        contents: digest of what it took from such a file, where files may differ and give the same.
        files: sha256 of each table that it wrote, by file name.
    """

    model_config = ConfigDict(extra="forbid")

    stage: str
    shard: int
    fingerprint: str
    entered: int
    kept: int
    rejected: dict[str, int]
    counters: dict[str, int]
    seconds: float
    inputs: dict[str, str] = {}
    contents: dict[str, str] = {}
    files: dict[str, str]


def digest(value: Any) -> str:
    """sha256 of a JSON-able value, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def make_seed(*parts: Any) -> int:
    """A 63-bit seed from the run's seed, a stage, a shard: the same on every machine."""
    return int(digest(list(parts))[:16], 16) >> 1


def write_groups(path: Path, schema: pa.Schema, groups: Iterable[pa.Table]) -> str:
    """Write parquet atomically, a group of rows for each table, and return its sha256."""
    with open_atomic(path) as stream:
        with pq.ParquetWriter(stream, schema, compression="zstd", write_statistics=True) as writer:
            for group in groups:
                writer.write_table(group)
        return hash_written(stream)


def write_table(path: Path, table: pa.Table | Made, group: int | None = None) -> str:
    """Write parquet atomically and return its sha256; equal tables give equal bytes.

    Columns that are indices into a dictionary become plain ones, a group of rows at a time, so that
    their texts are never all in memory.

    Args:
        group: rows of a row group; None leaves it to pyarrow.
    """
    if isinstance(table, Made):
        return write_groups(path, table.schema, table.groups())
    plain = pa.schema([_strip_metadata(column) for column in table.schema])
    with open_atomic(path) as stream:
        if plain == table.schema:
            pq.write_table(table, stream, group, compression="zstd", write_statistics=True)
        else:
            with pq.ParquetWriter(stream, plain, compression="zstd") as writer:
                for start in range(0, max(table.num_rows, 1), GROUP):
                    some = table.slice(start, GROUP).combine_chunks()
                    writer.write_table(some.cast(plain), group)
        return hash_written(stream)


def _strip_metadata(column: pa.Field[Any]) -> pa.Field[Any]:
    kind = column.type
    return column.with_type(kind.value_type) if pa.types.is_dictionary(kind) else column


def read_table(path: Path, columns: Sequence[str] | None = None, filters: Any = None) -> pa.Table:
    """A table of a run, or a part of it.

    Args:
        filters: as those of `pyarrow.parquet.read_table`.

    Raises:
        BuilderError: the file is missing or damaged.
    """
    wanted = None if columns is None else list(columns)
    with explain_damage(path), open_source(path, columns is None) as source:
        return pq.read_table(source, columns=wanted, filters=filters, partitioning=None)


def _has_bytes(path: Path, hashed: str) -> bool:
    try:
        return hash_file(path) == hashed
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return False


def _is_foreign(folder: Path) -> bool:
    """Whether a folder without a header holds more than a build leaves before its header."""
    own = (LOCK, f".{RUN_FILE}.")
    return any(not path.name.startswith(own) for path in folder.iterdir())


class Run:
    """One run folder.

    Attributes:
        check_lock: raises `Busy` where another process has taken the lock that was held.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.check_lock: Callable[[], None] = lambda: None

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Open an existing run.

        Raises:
            ConfigError: the folder is not a run.
        """
        run = cls(folder)
        run.known_header()
        return run

    @classmethod
    def create(cls, folder: Path) -> Run:
        """Open a run, or make a folder ready to become one.

        Raises:
            ConfigError: the folder holds something else.
        """
        if (folder / RUN_FILE).exists():
            return cls.open(folder)
        if folder.exists() and (not folder.is_dir() or _is_foreign(folder)):
            raise ConfigError(
                f"{folder} holds something that is not a run",
                hint="choose an empty or new folder with --output",
            )
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder)

    def header(self) -> dict[str, Any]:
        """The content of run.json, or nothing for a new run."""
        path = self.folder / RUN_FILE
        try:
            header = json.loads(path.read_text(encoding="utf-8"))
            found = header["format"]
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path} is not a run's header", hint="it may be damaged") from error
        if found != FORMAT:
            raise ConfigError(
                f"{self.folder} has format {found}, this version reads format {FORMAT}",
                hint="go on with the version that began it, or build into another folder",
            )
        return dict(header)

    def known_header(self) -> dict[str, Any]:
        """The content of run.json.

        Raises:
            ConfigError: the folder is not a run.
        """
        header = self.header()
        if not header:
            hint = explain_missing(self.folder, "`dimsum build` makes one")
            raise ConfigError(f"{self.folder} is not a run", hint=hint)
        return header

    def write_header(self, content: Mapping[str, Any]) -> None:
        """Write run.json."""
        write_json(self.folder / RUN_FILE, {"format": FORMAT, **content})

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for one process; the lock dies with the process.

        Raises:
            Busy: another process is at work in this folder.
        """
        with hold(self.folder, "building") as self.check_lock:
            yield

    def path(self, stage: str, shard: int, name: str | None = None) -> Path:
        """Where a unit's table lies."""
        middle = f".{name}" if name else ""
        return self.folder / stage / f"{shard:05d}{middle}.parquet"

    def sidecar_path(self, stage: str, shard: int) -> Path:
        """Where a unit's sidecar lies."""
        return self.folder / stage / f"{shard:05d}.json"

    def sidecar(self, stage: str, shard: int) -> Sidecar | None:
        """The record of a unit, or None when there is none that can be read."""
        try:
            text = self.sidecar_path(stage, shard).read_text(encoding="utf-8")
            return Sidecar.model_validate_json(text)
        except (OSError, ValueError):
            return None

    def remembered(self) -> Run:
        """The same run for a while in which no unit is made: a sidecar is read once."""
        return _Remembered(self.folder)

    def done(self, stage: str, shard: int, fingerprints: Set[str]) -> Sidecar | None:
        """The record of a unit if it is finished, current and its bytes are what it says."""
        record = self.sidecar(stage, shard)
        if record is None or record.fingerprint not in fingerprints:
            return None
        return None if self.damaged(record) else record

    def damaged(self, record: Sidecar) -> list[Path]:
        """Files of a unit that are missing, or are not what was written."""
        paths = {self.folder / record.stage / name: hashed for name, hashed in record.files.items()}
        return [path for path, hashed in paths.items() if not _has_bytes(path, hashed)]

    def commit(
        self,
        stage: str,
        shard: int,
        fingerprint: str,
        output: Output,
        seconds: float,
        inputs: Mapping[str, str] | None = None,
        contents: Mapping[str, str] | None = None,
    ) -> Sidecar:
        """Write a unit's tables, then its sidecar."""
        files = {}
        for name, table in [(None, output.table), *output.extra.items()]:
            path = self.path(stage, shard, name)
            files[path.name] = write_table(path, table, output.group)
        record = Sidecar(
            stage=stage,
            shard=shard,
            fingerprint=fingerprint,
            entered=output.entered,
            kept=output.table.num_rows,
            rejected=dict(sorted(output.rejected.items())),
            counters=dict(sorted(output.counters.items())),
            seconds=round(seconds, 3),
            inputs=dict(inputs or {}),
            contents=dict(contents or {}),
            files=files,
        )
        write_text(self.sidecar_path(stage, shard), record.model_dump_json(indent=2) + "\n")
        return record

    def read_finished(self, stage: str, shard: int, name: str | None = None) -> Path:
        """A table of a unit that another run reads.

        Raises:
            BuilderError: the unit is not finished, or has no such table.
        """
        path = self.path(stage, shard, name)
        record = self.sidecar(stage, shard)
        if record is None or path.name not in record.files:
            raise BuilderError(
                f"{self.folder} is not finished", hint="run `dimsum build` on it first"
            )
        return path

    def read(self, stage: str, shard: int, name: str | None = None) -> pa.Table:
        """A unit's table.

        Raises:
            BuilderError: the file is missing or damaged.
        """
        return read_table(self.path(stage, shard, name))


class _Remembered(Run):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._records: dict[tuple[str, int], Sidecar | None] = {}

    def sidecar(self, stage: str, shard: int) -> Sidecar | None:
        if (stage, shard) not in self._records:
            self._records[stage, shard] = super().sidecar(stage, shard)
        return self._records[stage, shard]
