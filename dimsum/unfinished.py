"""An output that grows beside its place, so that what is written stays when the rest cannot be.

OUTPUT.unfinished        what is written so far
OUTPUT.unfinished.json   of what, and how far: the same command goes on from there
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import IO

from dimsum import os_errors
from dimsum.errors import DimsumError, UsageError
from dimsum.files import make_room_error, write_json
from dimsum.lock import Busy

ENDING = ".unfinished"


@dataclass
class Mark:
    """How far an output is.

    Attributes:
        asked: digest of what decides the outputs beside the input.
        rows: of the input that are done.
        size: bytes of the output that belong to them.
        input: digest of these rows.
        cut: sources among them that lost their end.
    """

    asked: str
    rows: int = 0
    size: int = 0
    input: str = ""
    cut: int = 0


class Growing:
    """An output at work: a text stream, and the mark to which it is whole."""

    def __init__(self, stream: IO[str], mark: Mark, about: Path | None) -> None:
        self.stream, self.mark, self._about = stream, mark, about

    def note(self, rows: int, digest: str, cut: int) -> None:
        """All outputs of the first rows are written."""
        self.stream.flush()
        if self._about is None:
            return
        os.fsync(self.stream.fileno())
        size = os.fstat(self.stream.fileno()).st_size
        self.mark = Mark(self.mark.asked, rows, size, digest, cut)
        write_json(self._about, asdict(self.mark))


@contextmanager
def grow_file(output: Path, asked: str, say: Callable[[str], None]) -> Iterator[Growing]:
    """A file that takes its name when it is whole, begun or gone on with.

    Args:
        asked: digest of what decides the outputs beside the input.
        say: gets a line about what is kept.

    Raises:
        UsageError: what was begun there is of another command.
        Busy: another process writes it.
        DimsumError: it cannot be written.
    """
    import fcntl

    part = output.with_name(output.name + ENDING)
    about = output.with_name(output.name + ENDING + ".json")
    mark = _read(about) if part.is_file() else None
    if mark is not None and mark.asked != asked:
        raise UsageError(
            f"{part} was begun with another model or other options",
            hint="go on as it was begun, remove it, or choose another name",
        )
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        binary = part.open("ab")
    except OSError as error:
        raise DimsumError(
            f"cannot write {output}: {error.strerror or error}",
            hint=os_errors.make_hint(error),
        ) from error
    with binary:
        try:
            fcntl.flock(binary, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Busy(
                f"another process is writing {output}", hint="wait for it or stop it"
            ) from error
        grown = mark or Mark(asked)
        binary.truncate(grown.size)
        if grown.rows:
            say(f"going on after {grown.rows:,} rows")
        text = TextIOWrapper(binary, encoding="utf-8", newline="\n")
        growth = Growing(text, grown, about)
        try:
            yield growth
            text.flush()
            part.replace(output)
            about.unlink(missing_ok=True)
        except BaseException as error:
            _keep(growth, part, about, say)
            if os_errors.is_full(error):
                raise make_room_error(part) from error
            if isinstance(error, OSError):
                raise DimsumError(
                    f"cannot write {part}: {error.strerror or error}",
                    hint="what is written there stays; the same command goes on",
                ) from error
            raise
        finally:
            with suppress(OSError):
                text.detach()
            with suppress(OSError):  # what found no room is still in the buffer
                binary.close()


def _keep(growth: Growing, part: Path, about: Path, say: Callable[[str], None]) -> None:
    """Say what is kept; where that is nothing, nothing is left behind."""
    if growth.mark.rows:
        said = f"the outputs of {growth.mark.rows:,} rows are kept in {part}"
        say(f"{said}; the same command goes on")
        return
    with suppress(OSError):
        part.unlink(missing_ok=True)
        about.unlink(missing_ok=True)


def _read(about: Path) -> Mark | None:
    try:
        return Mark(**json.loads(about.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
