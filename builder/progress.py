"""What a person sees while a build runs: a live line on a terminal, a plain one elsewhere.

Everything goes to standard error; standard output belongs to the result.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.text import Text

from builder.store import Sidecar
from dimsum.duration import duration

PLAIN_EVERY = 30.0
"""Seconds between two lines when standard error is not a terminal."""


@dataclass
class StageProgress:
    """Counts of the stage at work.

    Attributes:
        skipped: units that were found done; they count for the yield, not for the speed.
    """

    name: str
    shards: int
    done: int = 0
    skipped: int = 0
    entered: int = 0
    kept: int = 0
    fresh_rows: int = 0
    tokens: int = 0
    began: float = field(default_factory=time.monotonic)

    def line(self) -> str:
        """One line: stage, shards, rows/s, tokens/s, yield, time left."""
        seconds = max(time.monotonic() - self.began, 1e-6)
        fresh = self.done - self.skipped
        parts = [f"{self.name} {self.done}/{self.shards}"]
        if self.fresh_rows:
            parts.append(f"{self.fresh_rows / seconds:,.0f} rows/s")
        if self.tokens:
            parts.append(f"{self.tokens / seconds:,.0f} tokens/s")
        if self.entered:
            parts.append(f"kept {self.kept:,} of {self.entered:,}")
        left = self.shards - self.done
        if fresh and left:
            parts.append(f"{duration(left * seconds / fresh)} left")
        return "  ".join(parts)


class Progress:
    """Follows a build; `quiet` shows nothing."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self.live_wanted = not quiet and sys.stderr.isatty()
        self.live: Live | None = None
        self.stage: StageProgress | None = None
        self.last_plain = 0.0

    def __enter__(self) -> Progress:
        if self.live_wanted:
            self.live = Live(console=self.console, refresh_per_second=4, transient=True)
            self.live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.live is not None:
            self.live.stop()
            self.live = None

    def say(self, line: str) -> None:
        """A line that stays."""
        self.console.print(Text(line))

    def begin(self, name: str, shards: int) -> None:
        """A stage begins."""
        self.stage = StageProgress(name, shards)
        self.last_plain = time.monotonic()

    def unit_done(self, record: Sidecar, *, skipped: bool) -> None:
        """A unit of the stage is done, now or in an earlier run."""
        if self.stage is None:
            return
        self.stage.done += 1
        self.stage.entered += record.entered
        self.stage.kept += record.kept
        if skipped:
            self.stage.skipped += 1
        else:
            self.stage.fresh_rows += record.entered
        self._show()

    def tick(self, tokens: int) -> None:
        """Tokens were generated."""
        if self.stage is not None:
            self.stage.tokens += tokens
            self._show()

    def end(self) -> None:
        """The stage is over; leave one line about it, unless it had nothing to do."""
        if self.stage is not None and self.stage.skipped < self.stage.done:
            took = duration(time.monotonic() - self.stage.began)
            self.say(f"{self.stage.line()}  in {took}")
        self.stage = None

    def _show(self) -> None:
        if self.stage is None:
            return
        if self.live is not None:
            self.live.update(Text(self.stage.line()))
        elif time.monotonic() - self.last_plain >= PLAIN_EVERY:
            self.last_plain = time.monotonic()
            self.say(self.stage.line())
