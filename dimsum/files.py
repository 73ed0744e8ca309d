"""Files that appear whole or not at all, and rows read from them."""

from __future__ import annotations

import errno
import gzip
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from dimsum.errors import DimsumError, UsageError


@contextmanager
def atomic_writer(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that appears under its name only when whole and on disk.

    Raises:
        DimsumError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    scratch = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(scratch).chmod(0o644)
        Path(scratch).replace(path)
        scratch = None
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise DimsumError(
                f"no room left to write {path}",
                hint="free some space and run the same command again; finished work is kept",
            ) from error
        raise DimsumError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if scratch is not None:
            with suppress(OSError):
                Path(scratch).unlink()


@contextmanager
def whole_file(path: Path) -> Iterator[IO[str]]:
    """A UTF-8 text file that is written like `atomic_writer`'s.

    Raises:
        DimsumError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    with atomic_writer(path) as stream:
        text = TextIOWrapper(stream, encoding="utf-8", newline="\n")
        try:
            yield text
        finally:
            text.detach()


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole."""
    with atomic_writer(path) as stream:
        stream.write(text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON whole."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder that takes its name when it is complete.

    Raises:
        UsageError: the name is taken by something that is not an empty folder.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty", hint="choose a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield scratch
        scratch.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def lines_of(path: Path) -> Iterator[str]:
    """Lines of a UTF-8 text file, plain or gzipped, without their ends.

    Raises:
        UsageError: a file that is not there or is not text.
    """
    if not path.is_file():
        raise UsageError(f"no file at {path}")
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8")
        ) as stream:
            for line in stream:
                yield line.rstrip("\r\n")
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Objects of a JSONL file.

    Raises:
        UsageError: a line that is not a JSON object, with its number.
    """
    for number, line in enumerate(lines_of(path), start=1):
        if line.strip():
            yield json_object(line, f"{path}:{number}")


def json_object(line: str, place: str) -> dict[str, Any]:
    """A line as a JSON object.

    Raises:
        UsageError: it is none.
    """
    try:
        value = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{place} is not JSON") from error
    if not isinstance(value, dict):
        raise UsageError(f"{place} is not a JSON object")
    return value
