"""How far a run is, as another process sees it.

A build writes where it is into the run's folder every few seconds, as long as it is at work; what
is finished is counted from the sidecars. So whoever sees the folder, on whichever machine, can
tell.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.config import parse_config
from builder.stages.order import count_units, list_stages
from builder.store import Run
from dimsum.errors import DimsumError
from dimsum.files import write_json

STATUS = ".status.json"
EVERY = 2.0
"""Seconds between two writings."""

SILENT = 60.0
"""Seconds without a writing after which a build counts as ended without a word."""


class Beacon:
    """Writes where a build is into its folder until it ends, from a thread of its own.

    Args:
        tell: gives where the build is, as JSON; empty between two stages.
    """

    def __init__(self, folder: Path, tell: Callable[[], Mapping[str, Any]]) -> None:
        self._path = folder / STATUS
        self._tell = tell
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write_on, daemon=True)

    def __enter__(self) -> Beacon:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()
        with suppress(DimsumError):  # of a store that is gone, which ended the build already
            self._path.unlink(missing_ok=True)

    def _write_on(self) -> None:
        who = {"host": socket.gethostname(), "process": os.getpid()}
        while True:
            try:
                write_json(self._path, {**who, "at": time.time(), **self._tell()})
            except DimsumError:  # what needs the room says that a disk is full
                return
            if self._ended.wait(EVERY):
                return


@dataclass(frozen=True)
class StageStatus:
    """Units of a stage that are finished, by their sidecars, and all of them."""

    stage: str
    done: int
    units: int


@dataclass(frozen=True)
class Status:
    """How far a run is.

    Attributes:
        state: building; finished; stopped, in good order or not: the same command goes on.
        now: what the build last wrote: stage, rates, seconds left, workers and their shards.
        silent: seconds since then.
        damaged: files of units that are missing or not what was written, from the run's folder;
            looked for where nothing is building.
    """

    state: str
    stages: tuple[StageStatus, ...]
    now: Mapping[str, Any]
    silent: float | None
    damaged: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For a program."""
        stages = [vars(one) for one in self.stages]
        return {
            "state": self.state,
            "silent": self.silent,
            "stages": stages,
            "now": {**self.now},
            "damaged": list(self.damaged),
        }


def find_status(run: Run) -> Status:
    """How far a run is, without a lock or a model.

    While it is building, sidecars are counted; of others the files are compared with them too.
    """
    config = parse_config(run.header()["config"])
    try:
        now = dict(json.loads((run.folder / STATUS).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        now = {}
    silent = max(0.0, time.time() - now["at"]) if "at" in now else None
    building = silent is not None and silent < SILENT
    stages, damaged = [], list[Path]()
    for stage in list_stages(config):
        there = sorted((run.folder / stage.name).glob("[0-9]*.json"))
        wrong = (
            {} if building else {path: bad for path in there if (bad := _find_damaged(run, path))}
        )
        damaged += [path for bad in wrong.values() for path in bad]
        done = len(there) - len(wrong)
        stages.append(StageStatus(stage.name, done, count_units(stage.name, config)))
    finished = all(one.done >= one.units for one in stages)
    return Status(
        "building" if building else "finished" if finished else "stopped",
        tuple(stages),
        now,
        silent,
        tuple(str(path.relative_to(run.folder)) for path in damaged),
    )


def _find_damaged(run: Run, sidecar: Path) -> list[Path]:
    """The files of a unit that are not as its sidecar says; the sidecar, if it cannot be read."""
    record = run.sidecar(sidecar.parent.name, int(sidecar.stem))
    return [sidecar] if record is None else run.damaged(record)
