"""Where a released folder goes: into a store, or a folder of its own choosing."""

from __future__ import annotations

from pathlib import Path

from builder.hub.manifest import MANIFEST
from dimsum.errors import UsageError
from dimsum.files import try_folder
from dimsum.places import Place


def take_place(folder: Path) -> None:
    """Refuse a place for a release that is taken by something else.

    Raises:
        UsageError: it holds something that is not a release.
        DimsumError: nothing can be written there.
    """
    there = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if there and not (folder / MANIFEST).is_file():
        raise UsageError(
            f"{folder} holds something that is not a release", hint="choose a new folder"
        )
    try_folder(folder.parent)


def put_folder(folder: Path, place: Place) -> None:
    """Put a folder of this machine in a store in the place of what is there.

    The checksums go first and come last: what lies there without them is no release.

    Raises:
        DimsumError: the store refuses, or does not answer.
    """
    (place / MANIFEST).unlink(missing_ok=True)
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    files = {name: path for name, path in files.items() if path.is_file()}
    for name in sorted(files, key=lambda name: name == MANIFEST):
        (place / name).put(files[name])
    for old in place.walk():
        if old.relative_to(place) not in files:
            old.unlink(missing_ok=True)
