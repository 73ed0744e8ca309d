"""Files that appear whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from dimsum import os_errors
from dimsum.errors import DimsumError, UsageError
from dimsum.places import far


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


UMASK = _umask()
"""Rights that new files and folders do not get; read once, before there are threads."""


def give_usual_modes(folder: Path) -> None:
    """Files that a library made for their owner alone get the rights of any new file."""
    for path in folder.iterdir():
        if path.is_file() and not path.is_symlink():
            path.chmod(0o666 & ~UMASK)


def file_hash(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as stream:
        return _hash_of(stream)


def hash_written(stream: IO[bytes]) -> str:
    """sha256 of all that was written to an `atomic_writer`'s file so far."""
    stream.flush()
    stream.seek(0)
    return _hash_of(stream)


def _hash_of(stream: IO[bytes]) -> str:
    total = sha256()
    while block := stream.read(1 << 20):
        total.update(block)
    return total.hexdigest()


@contextmanager
def atomic_writer(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that appears under its name only when whole and on disk.

    A device or a pipe (`/dev/stdout`, `/dev/null`) is written to and stays what it is. What goes
    to a store (`dimsum.places`) is put there when it is whole.

    Raises:
        DimsumError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    scratch = None
    try:
        if (place := far(path)) is not None:
            with place.writer() as stream:
                yield stream
            return
        if _is_stream(path):
            with path.open("wb") as stream:
                yield stream
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(scratch).chmod(0o666 & ~UMASK)
        Path(scratch).replace(path)
        scratch = None
    except OSError as error:
        if error.errno in os_errors.FULL:
            raise DimsumError(
                f"no room left to write {path}",
                hint="free some space and run the same command again; finished work is kept",
            ) from error
        _, hint = os_errors.explain(error) or ("", "")
        raise DimsumError(f"cannot write {path}: {error.strerror or error}", hint=hint) from error
    finally:
        if scratch is not None:
            with suppress(OSError):
                Path(scratch).unlink()


def _is_stream(path: Path) -> bool:
    """Whether a path is a device or a pipe, which a file must not take the place of."""
    return path.exists() and not path.is_file() and not path.is_dir()


def try_file(path: Path, inputs: Iterable[str | Path] = ()) -> None:
    """Try a place for a file before the work for it begins.

    Args:
        inputs: what is read, files and folders among them. No such file is written over, nor one
            in such a folder, unless it is a page.

    Raises:
        UsageError: a folder is there, a link that leads nowhere, or an input.
        DimsumError: nothing can be written there.
    """
    for one in map(Path, inputs):
        if path.is_file() and (_is_inside(path, one) or (one.is_file() and path.samefile(one))):
            raise UsageError(f"{path} is what is read", hint="choose another name")
    if path.is_dir():
        raise UsageError(f"{path} is a folder", hint="name a file in it")
    if path.is_symlink() and not path.exists():
        raise UsageError(f"{path} is a link that leads nowhere", hint="choose another name")
    if not _is_stream(path):
        try_folder(path.parent)


def _is_inside(path: Path, folder: Path) -> bool:
    inside = folder.is_dir() and path.resolve().is_relative_to(folder.resolve())
    return inside and path.suffix.lower() != ".html"


def try_folder(folder: Path) -> None:
    """Try a folder for files before the work for them begins.

    Raises:
        DimsumError: nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DimsumError(
            f"cannot write into {folder}: {error.strerror or error}", hint="choose another place"
        ) from error


def try_new_folder(folder: Path) -> None:
    """Try a place for a `whole_folder` before the work for it begins.

    Raises:
        UsageError: the name is taken by something that is not an empty folder.
        DimsumError: nothing can be written there.
    """
    _refuse_filled(folder)
    try_folder(folder.parent)


def _refuse_filled(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty", hint="choose a new folder")


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
    _refuse_filled(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield scratch
        scratch.chmod(0o777 & ~UMASK)
        if folder.exists():
            folder.rmdir()
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
