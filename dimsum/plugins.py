"""What users add from outside, by name: shipped, of installed packages, or `module:name`.

A module is imported as Python finds it: installed, or on PYTHONPATH.
"""

from __future__ import annotations

import inspect
import sys
import sysconfig
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from importlib import import_module
from importlib.metadata import EntryPoint, distribution, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BeforeValidator

from dimsum.errors import UsageError
from dimsum.settings import Settings, suggest_word

T = TypeVar("T")
Check = Callable[[object, str], T]
"""(object, how it was named) to the object. UsageError: it is of another kind."""


@dataclass(frozen=True)
class Plugins(Generic[T]):
    """All of one kind: those shipped, those of installed packages, and `module:name`.

    Attributes:
        word: what one is called.
        check: `expect_instance` or `expect_subclass` what each one is.
        shipped: by name, in order.
    """

    word: str
    check: Check[T]
    shipped: Mapping[str, T]

    @property
    def group(self) -> str:
        """Entry points of this group are such, each under its own name."""
        return f"dimsum_plus.{self.word}s"

    def names(self) -> tuple[str, ...]:
        """Of those shipped, then of those installed; no package of others is imported."""
        return tuple(dict.fromkeys([*self.shipped, *self._installed()]))

    def find(self, reference: str) -> T:
        """One, by its name or as `module:name`.

        Raises:
            UsageError: there is none, with the nearest known name; or it cannot be imported, is
                of another kind, or has another name than its entry point.
        """
        if reference in self.shipped:
            return self.shipped[reference]
        target = self._target(reference)
        if target == reference:
            return self.check(_import(target, target, "write module:name"), target)
        label = f"the entry point {reference} ({target})"
        found = self.check(_import(target, label, "install its package again"), label)
        name = getattr(found, "name", reference)
        if name != reference:
            raise UsageError(
                f"{label} holds a {self.word} that is called {name}",
                hint="its name is the one under which it is asked for",
            )
        return found

    def source_hash(self, reference: str, function: Callable[..., Any]) -> str:
        """What one does, for fingerprints; empty for one that is shipped.

        Args:
            function: of the one, which does its work.

        Returns:
            sha256 of the file of the module that the reference names, and, where that is another
            file, of the one in which the function is written.

        Raises:
            UsageError: as in `find`; or there is no source file.
        """
        if self.find(reference) in self.shipped.values():
            return ""
        module = sys.modules[self._target(reference).partition(":")[0]]
        files = dict.fromkeys(
            Path(file).resolve()
            for file in (module.__file__, _find_file(function))
            if file is not None and Path(file).is_file()
        )
        if not files:
            raise UsageError(
                f"{reference} has no source file to tell its version by",
                hint="put it into a module that is a file",
            )
        return "+".join(sha256(file.read_bytes()).hexdigest() for file in files)

    def by_kind(self, settings_of: Callable[[T], type[Settings]]) -> BeforeValidator:
        """Makes of a mapping the settings of what its `kind` names."""

        def chosen(value: Any) -> Any:
            if not isinstance(value, Mapping):
                return value
            kind = value.get("kind")
            if not isinstance(kind, str):
                raise ValueError(f"every {self.word} needs a kind: {', '.join(self.names())}")
            try:
                found = self.find(kind)
            except UsageError as error:
                raise ValueError(error.message) from error
            return settings_of(found).model_validate(value)

        return BeforeValidator(chosen)

    def _installed(self) -> dict[str, EntryPoint]:
        """Entry points by name, in the order of their names; none is loaded."""
        found = sorted(entry_points(group=self.group), key=lambda point: point.name)
        return {point.name: point for point in found}

    def _target(self, reference: str) -> str:
        """The `module:name` of one that is not found as shipped."""
        if ":" in reference:
            return reference
        points = self._installed()
        if reference not in points:
            known = self.names()
            raise UsageError(
                f"no {self.word} is called {reference!r}{suggest_word(reference, known)}",
                hint=f"{self.word}s are {', '.join(known)}; one of your own is module:name",
            )
        return points[reference].value


def expect_instance(kind: type[T]) -> Check[T]:
    """Takes the instances of a class."""

    def check(found: object, reference: str) -> T:
        if not isinstance(found, kind):
            raise UsageError(
                f"{reference} is a {type(found).__name__}, not a {kind.__name__}",
                hint=f"name a {kind.__name__} as module:name",
            )
        return found

    return check


def expect_subclass(kind: type[T]) -> Check[type[T]]:
    """Takes the classes below a class."""

    def check(found: object, reference: str) -> type[T]:
        if not (isinstance(found, type) and issubclass(found, kind)):
            raise UsageError(
                f"{reference} is no class of {kind.__name__}",
                hint=f"name a subclass of {kind.__name__} as module:Class",
            )
        return found

    return check


def _import(target: str, label: str, hint: str) -> object:
    module, _, name = target.partition(":")
    if not module or module.startswith("."):
        raise UsageError(f"{label} cannot be imported: {module!r} is no module", hint=hint)
    try:
        found = import_module(module)
    except ImportError as error:
        raise UsageError(
            f"{label} cannot be imported: {error}",
            hint=f"{hint}; the module must be installed or on PYTHONPATH",
        ) from error
    except (Exception, SystemExit) as error:  # whatever code of others raises
        raise UsageError(
            f"{label} cannot be imported: {type(error).__name__}: {' '.join(str(error).split())}",
            hint=f"correct {find_own_line(error) or 'the module'}",
        ) from error
    try:
        return getattr(found, name)
    except AttributeError as error:
        raise UsageError(
            f"{label} cannot be imported: {error}", hint=f"{hint}, a name that is defined there"
        ) from error


def find_own_line(error: BaseException) -> str:
    """The file and line of a user's own code that an error came from; empty where there is none.

    Own is a file that is neither of this project nor of Python or a package: a task's, a measure's.
    """
    if isinstance(error, SyntaxError) and error.filename and _is_own(Path(error.filename)):
        return f"{error.filename}, line {error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if _is_own(Path(frame.filename)):
            return f"{frame.filename}, line {frame.lineno}"
    return ""


def _is_own(file: Path) -> bool:
    if not file.is_file():  # such as <frozen importlib._bootstrap>
        return False
    home = Path(__file__).resolve().parents[1]
    packages = (distribution("dimsum-plus").read_text("top_level.txt") or "dimsum").split()
    paths = sysconfig.get_paths()
    others = [Path(paths[name]).resolve() for name in ("stdlib", "purelib", "platlib", "scripts")]
    path = file.resolve()
    return not any(path.is_relative_to(one) for one in (*(home / p for p in packages), *others))


def _find_file(function: Any) -> str | None:
    """Where a function is written, or the class of a callable object."""
    while isinstance(function, partial):
        function = function.func
    for thing in (inspect.unwrap(function), type(function)):
        try:
            return inspect.getsourcefile(thing)
        except TypeError:  # built in, or no function
            continue
    return None
