"""Parts of a probe stored on disk, so that one that was cut short goes on where it stopped.

A part is stored under a digest of everything it depends on, and written whole or not at all.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from builder.store import digest
from dimsum.files import write_json

Row = TypeVar("Row")


class Parts:
    """Makes each part once.

    Attributes:
        seconds: that each part took, when it was made.

    Args:
        folder: of the stored parts; None stores nothing.
        key: what all parts depend on.
        say: called with one line as each part is there.
    """

    def __init__(self, folder: Path | None, key: Any, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.key = key
        self.say = say
        self.seconds: dict[str, float] = {}

    def of(
        self, name: str, rows: TypeAdapter[list[Row]], make: Callable[[], list[Row]]
    ) -> list[Row]:
        """A part's rows, read where they are stored, made where they are not."""
        path = self.folder and self.folder / f"{digest([self.key, name])[:16]}.json"
        if path is not None and path.is_file():
            stored = json.loads(path.read_text(encoding="utf-8"))
            self.seconds[name] = stored["seconds"]
            self.say(f"{name}: from before")
            return rows.validate_python(stored["rows"])
        began = time.monotonic()
        made = make()
        self.done(name, time.monotonic() - began)
        if path is not None:
            content = {"seconds": self.seconds[name], "rows": rows.dump_python(made, mode="json")}
            write_json(path, content)
        return made

    def done(self, name: str, seconds: float) -> None:
        """A part is there."""
        self.seconds[name] = round(seconds, 1)
        self.say(f"{name}: {seconds:.0f} s")
