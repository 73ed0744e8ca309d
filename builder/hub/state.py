"""How far a publish has come, beside the folder, so that the same command goes on from there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

Step = Literal["linted", "repository", "uploaded", "verified", "visible", "tagged"]
STEPS: tuple[Step, ...] = ("linted", "repository", "uploaded", "verified", "visible", "tagged")


class State(BaseModel):
    """The state of one release on its way to one repository.

    Nothing in it is trusted where the Hub can be asked: it spares work, it settles nothing.

    Attributes:
        endpoint: of the Hub.
        repo_id: NS/NAME.
        revision: branch it goes to.
        digest: of the release; another release starts over.
        steps: done, in the order they were done.
        pull_request: number of the one that carries it.
        commit: that made it visible.
        tag: put on it.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    endpoint: str
    repo_id: str
    revision: str
    digest: str
    steps: list[Step] = []
    pull_request: int | None = None
    commit: str | None = None
    tag: str | None = None


class StateFile:
    """The state in its file, written anew at every step.

    Args:
        folder: of the release; the file lies in `FOLDER.publish/` beside it.
        fresh: the state to start from, if the file holds none of this release.
    """

    def __init__(self, folder: Path, fresh: State) -> None:
        address = f"{fresh.endpoint.split('://')[-1]}--{fresh.repo_id}--{fresh.revision}"
        name = re.sub(r"[^\w.-]+", "--", address) + ".json"
        resolved = folder.resolve()
        self.path = resolved.parent / f"{resolved.name}.publish" / name
        self.state = self._read(fresh)

    def _read(self, fresh: State) -> State:
        try:
            read = State.model_validate_json(self.path.read_text(encoding="utf-8"))
        except (OSError, ValidationError):
            return fresh
        if read.digest == fresh.digest:
            return read
        # The pull request of a release that is not the folder's any more is only to be closed.
        return fresh.model_copy(update={"pull_request": read.pull_request})

    def done(self, *steps: Step, **facts: str | int | None) -> None:
        """Records steps, and what became known with them."""
        merged: Iterable[Step] = dict.fromkeys([*self.state.steps, *steps])
        self.state = self.state.model_copy(update={"steps": list(merged), **facts})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(f".{os.getpid()}.partial")
        with partial.open("w", encoding="utf-8") as file:
            file.write(self.state.model_dump_json(indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path)
