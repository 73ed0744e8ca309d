"""Interrupts that stay interrupts.

Ctrl-C and SIGTERM raise KeyboardInterrupt wherever the program is. If that is in a callback of a
compiled library, what comes out may be that library's own exception, and the interrupt is only
known by having been asked for.
"""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import click

COMMAND = f"{__name__}.COMMAND"
"""Key of a click context's `meta`: the words of the command that runs."""

_asked = False


def listen() -> None:
    """Raise KeyboardInterrupt at Ctrl-C and SIGTERM from now on, and remember that one came.

    A signal that the caller's shell ignores stays ignored.
    """
    global _asked
    _asked = False
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def is_interrupt(error: BaseException) -> bool:
    """Whether an error is an interrupt, or came after one was asked for."""
    return _asked or isinstance(error, KeyboardInterrupt)


def check() -> None:
    """Interrupt where one was asked for and got lost, as it does in a finaliser.

    Raises:
        KeyboardInterrupt: it was.
    """
    if _asked:
        raise KeyboardInterrupt


@contextmanager
def explain_resuming(command: Sequence[str] = ()) -> Iterator[None]:
    """Say how to go on when the body is interrupted.

    Args:
        command: that goes on, word by word; the one that runs unless given.

    Raises:
        KeyboardInterrupt: also for what else was raised after an interrupt was asked for.
    """
    try:
        yield
    except BaseException as error:
        if not is_interrupt(error):
            raise
        command = command or click.get_current_context().meta[COMMAND]
        click.echo(f"Interrupted. Go on with: {shlex.join(command)}", err=True)
        raise KeyboardInterrupt from error


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _asked
    _asked = True
    raise KeyboardInterrupt
