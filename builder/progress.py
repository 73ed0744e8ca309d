"""What a person sees while a build runs: a live line on a terminal, a plain one elsewhere.

Everything goes to standard error; standard output belongs to the result.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from builder.store import Sidecar
from dimsum.duration import format_duration

PLAIN_EVERY = 30.0
"""Seconds between two lines when standard error is not a terminal."""


@dataclass
class StageProgress:
    """Counts of the stage at work.

    Attributes:
        skipped: units that were found done; they count for the yield, not for the speed.
        under_way: shards that are with each worker, where there are several.
        lost: workers that were lost since the build began.
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
    under_way: dict[str, list[int]] = field(default_factory=dict)
    lost: int = 0

    def as_json(self) -> dict[str, Any]:
        """All that the line says, and more, for whoever follows from elsewhere."""
        seconds = max(time.monotonic() - self.began, 1e-6)
        fresh, left = self.done - self.skipped, self.shards - self.done
        return {
            "stage": self.name,
            "shards": self.shards,
            "done": self.done,
            "entered": self.entered,
            "kept": self.kept,
            "rows_per_second": self.fresh_rows / seconds,
            "tokens_per_second": self.tokens / seconds,
            "seconds_left": left * seconds / fresh if fresh and left else None,
            "under_way": self.under_way,
            "lost": self.lost,
            "line": self.line(),
        }

    def line(self) -> str:
        """One line: stage, shards, rows/s, tokens/s, yield, workers, time left."""
        seconds = max(time.monotonic() - self.began, 1e-6)
        fresh = self.done - self.skipped
        parts = [f"{self.name} {self.done}/{self.shards}"]
        if self.fresh_rows:
            parts.append(f"{self.fresh_rows / seconds:,.0f} rows/s")
        if self.tokens:
            parts.append(f"{self.tokens / seconds:,.0f} tokens/s")
        if self.entered:
            parts.append(f"retained {self.kept:,} of {self.entered:,}")
        if self.under_way:
            units = sum(map(len, self.under_way.values()))
            workers = len(self.under_way)
            parts.append(f"{units} with {workers} worker{'s' * (workers > 1)}")
        if self.lost:
            parts.append(f"{self.lost} lost")
        left = self.shards - self.done
        if fresh and left:
            parts.append(f"{format_duration(left * seconds / fresh)} left")
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

    def tell(self) -> dict[str, Any]:
        """Where the build is; empty between two stages."""
        return {} if (stage := self.stage) is None else stage.as_json()

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

    def follow(self, under_way: Mapping[str, Sequence[int]], lost: int) -> None:
        """Workers have other units than before, or there are fewer of them."""
        if self.stage is not None:
            self.stage.under_way = {name: [*shards] for name, shards in under_way.items()}
            self.stage.lost = lost
            self._show()

    def end(self) -> None:
        """The stage is over; leave one line about it, unless it had nothing to do."""
        if self.stage is not None and self.stage.skipped < self.stage.done:
            took = format_duration(time.monotonic() - self.stage.began)
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
