"""A folder in a store that one process at a time works in.

A store has no lock that dies with a process. So the lock is an object that only one can create,
where the store has a conditional put; whoever holds it writes it again every few seconds, and one
that was not written for `SILENT` seconds, by the store's own clock, is nobody's any more.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

from dimsum.errors import DimsumError
from dimsum.places import Place

EVERY = 10.0
"""Seconds between two writings of who holds a place."""
SILENT = 60.0
"""Seconds without one after which another may take it."""
SETTLE = 1.0
"""Seconds after which one who took a lock looks whether another did at the same time."""


class Busy(DimsumError):
    """Another process is at work in a folder."""


@contextmanager
def hold_place(path: Place, doing: str) -> Iterator[Callable[[], None]]:
    """Hold a place for one process.

    Args:
        path: of the lock.
        doing: what is done there, for whoever comes second.

    Yields:
        what raises `Busy` once another process has taken the lock, of one that was silent so long.

    Raises:
        Busy: another process is at work there, or was until less than `SILENT` seconds ago.
        DimsumError: the store refuses, or does not answer.
    """
    held = _Held(path)
    while not path.create(held.content):
        with suppress(FileNotFoundError):  # given back in between
            if not _take(path, held):
                raise _make_busy(path, doing)
            break
    held.start()

    def check() -> None:
        if held.lost:
            raise _make_busy(path, doing)

    try:
        yield check
    finally:
        held.end()


def _take(path: Place, held: _Held) -> bool:
    """Take the lock of one who is gone; whether that was so, and nobody else did."""
    holder = _read(path)
    if not _is_dead_here(holder):
        age = path.age()
        if age is None or age <= SILENT:
            return False
    held.write()
    time.sleep(SETTLE)
    return _read(path).get("token") == held.token


def _make_busy(path: Place, doing: str) -> Busy:
    holder: dict[str, Any] = {}
    with suppress(FileNotFoundError):
        holder = _read(path)
    who = f" (process {holder['process']} on {holder['host']})" if "process" in holder else ""
    return Busy(
        f"another process is {doing} in {path.parent}{who}",
        hint=f"wait for it or stop it; one that was killed is forgotten after {SILENT:.0f} seconds",
    )


def _read(path: Place) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_dead_here(holder: dict[str, Any]) -> bool:
    """Whether the holder was a process of this machine that is not there any more."""
    if holder.get("host") != socket.gethostname() or holder.get("boot") != _identify_boot():
        return False
    try:
        os.kill(int(holder["process"]), 0)
    except ProcessLookupError:
        return True
    except (KeyError, ValueError, OSError):
        return False
    return False


def _identify_boot() -> str:
    """Of what runs here now: containers and machines of one name have other ones."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as stream:  # noqa: PTH123
            return stream.read().strip() + os.readlink("/proc/self/ns/pid")  # noqa: PTH115
    except OSError:
        return ""


class _Held:
    """A lock that is written again and again, from a thread of its own, until it is given back."""

    def __init__(self, path: Place) -> None:
        self.path = path
        self.token = uuid4().hex
        self.lost = False
        self.content = json.dumps(
            {
                "token": self.token,
                "host": socket.gethostname(),
                "boot": _identify_boot(),
                "process": os.getpid(),
            }
        ).encode()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write_on, daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def write(self) -> None:
        """Write who holds it."""
        with self.path.writer() as stream:
            stream.write(self.content)

    def end(self) -> None:
        """Give it back, unless another has taken it."""
        self._ended.set()
        self._thread.join()
        with suppress(DimsumError, FileNotFoundError):
            if _read(self.path).get("token") == self.token:
                self.path.unlink(missing_ok=True)

    def _write_on(self) -> None:
        while not self._ended.wait(EVERY):
            with suppress(DimsumError, FileNotFoundError):  # it may answer again the next time
                if _read(self.path).get("token") != self.token:
                    self.lost = True
                    return
                self.write()
