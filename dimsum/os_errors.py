"""What the operating system refuses, in words a user can act on."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
HINTS = {
    errno.EROFS: "choose a place that can be written to",
    errno.EACCES: "choose another place, or get the right to use this one",
    errno.EPERM: "choose another place, or get the right to use this one",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "a file lies where a folder is wanted; choose another name",
    errno.EISDIR: "a folder lies where a file is wanted; choose another name",
    errno.EEXIST: "choose another name",
    errno.ENOTEMPTY: "choose a new folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "the links there lead in a circle; choose another place",
}
_NUMBER = re.compile(r"\(os error (\d+)\)|\[Errno (\d+)\]")
"""How libraries that are written in other languages pass an error of the system on."""


def explain(error: BaseException) -> tuple[str, str] | None:
    """Message and hint of an error that comes from the operating system, else None."""
    for one in _chain(error):
        number, path, _ = _parts(one)
        if number in FULL:  # whatever was made of it on the way
            where = f" to write {path}" if path else ""
            return (
                f"no room left{where}",
                "free some space and run the same command again; finished work is kept",
            )
    number, path, said = _parts(error)
    if number not in HINTS:
        return None
    if path and Path(path).is_symlink() and not Path(path).exists():
        return f"{path} is a link to nothing", "remove it, or make what it points to"
    return f"{path}: {said}" if path else said, HINTS[number]


def hint_for(error: OSError) -> str:
    """What to do about an error of the operating system."""
    return HINTS.get(error.errno or 0, "choose another place")


def _parts(error: BaseException) -> tuple[int | None, str, str]:
    """Number, path and words of an error."""
    if isinstance(error, OSError) and error.errno is not None:
        path = next((str(p) for p in (error.filename2, error.filename) if p is not None), "")
        return error.errno, path, error.strerror or str(error)
    first = (str(error).strip().splitlines() or [""])[0]
    found = _NUMBER.search(first)
    number = int(found[1] or found[2]) if found else None
    if number is None and "No space left on device" in first:
        number = errno.ENOSPC
    return number, "", first


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__
