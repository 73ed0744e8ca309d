"""A folder that one process at a time works in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dimsum import os_errors
from dimsum.errors import DimsumError
from dimsum.place_lock import Busy, hold_place
from dimsum.places import find_far

__all__ = ["LOCK", "Busy", "hold"]

LOCK = ".lock"


def make_write_error(folder: Path, error: OSError) -> DimsumError:
    """The error of a folder that cannot be made or written."""
    if os_errors.leads_nowhere(folder):
        return DimsumError(f"{folder} is a link to nothing", hint=os_errors.MEND_LINK)
    return DimsumError(
        f"cannot write {folder}: {error.strerror or error}", hint=os_errors.make_hint(error)
    )


@contextmanager
def hold(folder: Path, doing: str) -> Iterator[Callable[[], None]]:
    """Hold a folder for one process; the lock dies with the process.

    In a store it is an object that dies some time after the process (`dimsum.place_lock`).
    A folder that is made for it and in which nothing else was written goes again.

    Args:
        doing: what is done in it, for the message of whoever comes second: `training`.

    Yields:
        what raises `Busy` where the lock has gone to another process, as it can in a store.

    Raises:
        Busy: another process is at work in this folder.
        DimsumError: the folder cannot be written.
    """
    if (place := find_far(folder)) is not None:
        with hold_place(place / LOCK, doing) as check:
            yield check
        return
    import fcntl

    path, made = folder / LOCK, not folder.exists()
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stream = path.open("w")
        except OSError as error:
            raise make_write_error(folder, error) from error
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            stream.close()
            raise Busy(
                f"another process is {doing} in {folder}", hint="wait for it or stop it"
            ) from error
        with suppress(OSError):
            if os.fstat(stream.fileno()).st_ino == path.stat().st_ino:
                break
        stream.close()  # whoever held it has taken the file away in between
    try:
        yield lambda: None
    finally:
        with suppress(OSError):
            path.unlink()
            if made:
                folder.rmdir()  # fails where something was written
        stream.close()
