"""What users add from outside: objects named `module:name`, or installed under an entry point.

A module is imported as Python finds it: installed, or on PYTHONPATH.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from hashlib import sha256
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeVar

from dimsum.errors import UsageError

T = TypeVar("T")


def import_object(reference: str, kind: type[T]) -> T:
    """The object that `module:name` names.

    Raises:
        UsageError: it cannot be imported, or is of another kind.
    """
    module, _, name = reference.partition(":")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"{reference} cannot be imported: {error}",
            hint="write module:name; the module must be installed or on PYTHONPATH",
        ) from error
    return checked_kind(found, reference, kind)


def installed(group: str) -> dict[str, EntryPoint]:
    """Entry points of a group by name, in the order of their names; none is loaded."""
    return {found.name: found for found in sorted(entry_points(group=group), key=lambda e: e.name)}


def load_installed(point: EntryPoint, kind: type[T]) -> T:
    """The object behind an entry point.

    Raises:
        UsageError: it cannot be imported, or is of another kind.
    """
    try:
        found = point.load()
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"the entry point {point.name} ({point.value}) cannot be imported: {error}",
            hint="install its package again, or remove it",
        ) from error
    return checked_kind(found, point.value, kind)


def checked_kind(found: object, reference: str, kind: type[T]) -> T:
    """The object, if it is of the kind that is asked for.

    Raises:
        UsageError: it is not.
    """
    if not isinstance(found, kind):
        raise UsageError(f"{reference} is a {type(found).__name__}, not a {kind.__name__}")
    return found


def source_hash(function: Callable[..., Any]) -> str:
    """sha256 of the file in which a function is written: what it does, for fingerprints.

    Raises:
        UsageError: it has no source file.
    """
    try:
        file = inspect.getsourcefile(inspect.unwrap(function))
    except TypeError:
        file = None
    if file is None or not Path(file).is_file():
        raise UsageError(f"{function!r} has no source file to tell its version by")
    return sha256(Path(file).read_bytes()).hexdigest()
