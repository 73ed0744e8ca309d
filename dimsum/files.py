"""Files that appear whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from io import TextIOWrapper
from math import isfinite
from pathlib import Path
from typing import IO, Any

from dimsum import os_errors
from dimsum.errors import DimsumError, UsageError
from dimsum.places import find_far


def _read_umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


UMASK = _read_umask()
"""Rights that new files and folders do not get; read once, before there are threads."""


BLOCK = 4096
"""Bytes that a file takes of most disks at the least."""


def give_usual_modes(folder: Path) -> None:
    """Files that a library made for their owner alone get the rights of any new file."""
    for path in folder.iterdir():
        if path.is_file() and not path.is_symlink():
            path.chmod(0o666 & ~UMASK)


def hash_file(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as stream:
        return _hash_stream(stream)


def hash_written(stream: IO[bytes]) -> str:
    """sha256 of all that was written to an `open_atomic`'s file so far."""
    stream.flush()
    stream.seek(0)
    return _hash_stream(stream)


def _hash_stream(stream: IO[bytes]) -> str:
    total = sha256()
    while block := stream.read(1 << 20):
        total.update(block)
    return total.hexdigest()


@contextmanager
def open_atomic(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that appears under its name only when whole and on disk.

    A device or a pipe (`/dev/stdout`, `/dev/null`) is written to and stays what it is. What goes
    to a store (`dimsum.places`) is put there when it is whole.

    Raises:
        UsageError: a link that leads nowhere is there, whose place a file would take.
        DimsumError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    _refuse_dangling(path)
    scratch = None
    try:
        if (place := find_far(path)) is not None:
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
        if os_errors.is_full(error):
            raise make_room_error(path) from error
        _, hint = os_errors.explain(error) or ("", "")
        raise DimsumError(f"cannot write {path}: {error.strerror or error}", hint=hint) from error
    finally:
        if scratch is not None:
            with suppress(OSError):
                Path(scratch).unlink()


@contextmanager
def name_full_folder(folder: Path, *, scratch: bool = False) -> Iterator[None]:
    """Name the folder that has no room where a library's own error names nothing.

    Args:
        scratch: what is written has other names so far, which mean nothing to a user.

    Raises:
        DimsumError: the disk is full.
    """
    try:
        yield
    except Exception as error:
        if os_errors.is_full(error) and (scratch or not isinstance(error, DimsumError)):
            raise make_room_error(folder) from error
        raise


def make_room_error(path: Path) -> DimsumError:
    """The error of a disk that is full."""
    return DimsumError(f"no room left to write {path}", hint=os_errors.MAKE_ROOM)


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
    _refuse_dangling(path)
    if not _is_stream(path):
        try_folder(path.parent)


def _refuse_dangling(path: Path) -> None:
    if os_errors.leads_nowhere(path):
        raise UsageError(f"{path} is a link that leads nowhere", hint="choose another name")


def _is_inside(path: Path, folder: Path) -> bool:
    inside = folder.is_dir() and path.resolve().is_relative_to(folder.resolve())
    return inside and path.suffix.lower() != ".html"


def try_folder(folder: Path) -> None:
    """Try a folder for files before the work for them begins.

    Raises:
        DimsumError: nothing can be written there, not even a few bytes.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as stream:
            stream.write(bytes(BLOCK))  # an empty file finds room on a full disk too
            stream.flush()
    except OSError as error:
        if os_errors.is_full(error):
            raise make_room_error(folder) from error
        if os_errors.leads_nowhere(folder):
            raise DimsumError(f"{folder} is a link to nothing", hint=os_errors.MEND_LINK) from error
        raise DimsumError(
            f"cannot write into {folder}: {error.strerror or error}", hint="choose another place"
        ) from error


def try_new_folder(folder: Path) -> None:
    """Try a place for an `open_whole_folder` before the work for it begins.

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
def open_whole_file(path: Path) -> Iterator[IO[str]]:
    """A UTF-8 text file that is written like `open_atomic`'s.

    Raises:
        DimsumError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    with open_atomic(path) as stream:
        text = TextIOWrapper(stream, encoding="utf-8", newline="\n")
        try:
            yield text
        finally:
            text.detach()


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole."""
    with open_atomic(path) as stream:
        stream.write(text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON whole; a number that JSON has no word for is null."""
    write_text(path, to_json(value, indent=2) + "\n")


def to_json(
    value: Any, *, indent: int | None = None, default: Callable[[Any], Any] | None = None
) -> str:
    """A value as JSON, in which a number that JSON has no word for is null.

    Raises:
        TypeError: a value has no form, and `default` gives it none.
    """
    try:
        return json.dumps(
            value, indent=indent, ensure_ascii=False, default=default, allow_nan=False
        )
    except ValueError:
        return json.dumps(_replace_nan(value), indent=indent, ensure_ascii=False, default=default)


def _replace_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _replace_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_nan(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


@contextmanager
def open_whole_folder(folder: Path) -> Iterator[Path]:
    """A folder that takes its name when it is complete.

    Raises:
        UsageError: the name is taken by something that is not an empty folder.
        DimsumError: the disk is full; nothing is left behind.
    """
    _refuse_filled(folder)
    try_folder(folder.parent)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        with name_full_folder(folder, scratch=True):
            yield scratch
        scratch.chmod(0o777 & ~UMASK)
        if folder.exists():
            folder.rmdir()
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def open_whole_files(folder: Path, prefix: str) -> Iterator[Path]:
    """A scratch folder whose files come into `folder` when all of them are written.

    Args:
        prefix: of the scratch folder's name, by which one that a killed process left is known.

    Raises:
        DimsumError: the disk is full; nothing of them is left behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
    try:
        with name_full_folder(folder, scratch=True):
            yield scratch
        for path in sorted(scratch.iterdir()):
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
