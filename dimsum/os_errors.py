"""What the operating system refuses, in words a user can act on."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
MAKE_ROOM = "free some space and run the same command again; finished work is kept"
MEND_LINK = "remove it, or make what it points to"
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
_FULL_WORDS = ("No space left on device", "unexpected pos", "PytorchStreamWriter failed writing")
"""What they say without its number; the last two are torch's words for a file cut short."""


def explain(error: BaseException) -> tuple[str, str] | None:
    """Message and hint of an error that comes from the operating system, else None."""
    for one in _walk_chain(error):
        number, path, _ = _split_error(one)
        if number in FULL:  # whatever was made of it on the way
            where = f" to write {path}" if path else ""
            return f"no room left{where}", MAKE_ROOM
    if isinstance(error, RuntimeError) and "home directory" in str(error):  # pathlib's words
        return "there is no home folder for a path that begins with ~", "write the path out"
    number, path, said = _split_error(error)
    if number not in HINTS:
        return None
    if path and leads_nowhere(Path(path)):
        return f"{path} is a link to nothing", MEND_LINK
    return f"{path}: {said}" if path else said, HINTS[number]


def leads_nowhere(path: Path) -> bool:
    """Whether a path is a link to nothing; the system only says that it exists, or does not.

    A store (`dimsum.places`) has no links.
    """
    return isinstance(path, Path) and path.is_symlink() and not path.exists()


def explain_missing(path: Path, otherwise: str) -> str:
    """What to say of a path at which nothing is: that it is a link to nothing, or `otherwise`."""
    return "it is a link that leads nowhere" if leads_nowhere(path) else otherwise


def is_full(error: BaseException) -> bool:
    """Whether a disk without room is behind an error, whatever was made of it on the way."""
    return any(_split_error(one)[0] in FULL for one in _walk_chain(error))


def make_hint(error: OSError) -> str:
    """What to do about an error of the operating system."""
    return HINTS.get(error.errno or 0, "choose another place")


def _split_error(error: BaseException) -> tuple[int | None, str, str]:
    """Number, path and words of an error."""
    if isinstance(error, OSError) and error.errno is not None:
        path = next((str(p) for p in (error.filename2, error.filename) if p is not None), "")
        return error.errno, path, error.strerror or str(error)
    first = (str(error).strip().splitlines() or [""])[0]
    found = _NUMBER.search(first)
    number = int(found[1] or found[2]) if found else None
    if number is None and any(words in first for words in _FULL_WORDS):
        number = errno.ENOSPC
    return number, "", first


def _walk_chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__
