"""Processes with every library imported, forked from one that has done nothing else.

Signals, exit codes, locks and streams need processes of their own. To import the same libraries
anew costs each of them more than a toy build.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["tests.preloaded"])


def start(
    work: Callable[..., None],
    *arguments: Any,
    environment: Mapping[str, str] = os.environ,
    output: Path | None = None,
) -> ForkServerProcess:
    """Start a function of a module in a process of its own.

    Args:
        environment: its variables; libraries that were imported have read theirs before.
        output: a file for what it writes, on both streams; nowhere, unless given.
    """
    process = SERVER.Process(target=_work, args=(dict(environment), output, work, arguments))
    process.start()
    return process


def start_command(words: list[str], **how: Any) -> ForkServerProcess:
    """`dimsum` with these words, in a process of its own; `how` is of `start`."""
    return start(_command, words, **how)


def fork_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers of the engine `processes` be forked too, with the variables of their start."""

    def pool(
        workers: int, mp_context: Any, initializer: Callable[..., None], initargs: tuple[Any, ...]
    ) -> ProcessPoolExecutor:
        assert mp_context.get_start_method() == "spawn"
        begin = (dict(os.environ), initializer, initargs)
        return ProcessPoolExecutor(workers, mp_context=SERVER, initializer=_begin, initargs=begin)

    monkeypatch.setattr("builder.engines.processes.ProcessPoolExecutor", pool)


def _begin(
    environment: dict[str, str], initializer: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    _take(environment)
    initializer(*arguments)


def _take(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _work(
    environment: dict[str, str],
    output: Path | None,
    work: Callable[..., None],
    arguments: tuple[Any, ...],
) -> None:
    _take(environment)
    stream = os.open(output or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(stream, number)
    # A shell that runs the tests in the background has them, and this, ignore the signal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    work(*arguments)


def _command(words: list[str]) -> None:
    from builder.cli import main

    sys.argv = ["dimsum", *words]
    main()
