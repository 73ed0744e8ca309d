"""What a person sees while a student trains: one line with loss, tokens/s and time left."""

from __future__ import annotations

import sys
import time
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text
from transformers import TrainerCallback

from dimsum.duration import format_duration

SHOWN = (
    *("loss", "rouge_l", "length", "style", "reward", "held_out", "accepted", "valid"),
    *("copied", "compression"),
)
"""Measures of a validation that have a line."""
PLAIN_EVERY = 30.0
"""Seconds between two lines when standard error is not a terminal."""


class ProgressLine(TrainerCallback):  # type: ignore[misc]
    """A live line on a terminal, a plain one elsewhere; everything goes to standard error.

    Args:
        quiet: show nothing.
        name: of what is minimised.
    """

    def __init__(self, *, quiet: bool = False, name: str = "loss") -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self.name = name
        self.wanted = not quiet and sys.stderr.isatty()
        self.live: Live | None = None
        self.loss = self.own = self.reward = ""
        self.began = self.shown = 0.0
        self.first_step = self.first_tokens = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start the clock at the step that a resumed training begins with."""
        self.began = self.shown = time.monotonic()
        self.first_step, self.first_tokens = state.global_step, state.num_input_tokens_seen
        if self.wanted:
            self.live = Live(console=self.console, refresh_per_second=4, transient=True)
            self.live.start()

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Remember the loss; leave a line about each validation."""
        found = logs or {}
        if "loss" in found:
            self.loss = f"{float(found.get('divergence', found['loss'])):.3f}"
        if "reward" in found:
            self.reward = f"reward {found['reward']:.3f}, {found['accepted']:.0%} accepted"
        if "own_tokens" in found:
            self.own = f"own {found['own_tokens']:.0f} tokens, {found['own_ended']:.0%} ended"
        shown = [name for name in SHOWN if f"eval_{name}" in found]
        if shown:
            parts = [f"{name} {found[f'eval_{name}']:.3f}" for name in shown]
            self.console.print(Text(f"step {state.global_step}  validation: " + "  ".join(parts)))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Show where the training stands."""
        if self.live is not None:
            self.live.update(Text(self.line(state)))
        elif time.monotonic() - self.shown >= PLAIN_EVERY:
            self.shown = time.monotonic()
            self.console.print(Text(self.line(state)))

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Leave the last line."""
        self.close()
        self.console.print(Text(self.line(state)))

    def close(self) -> None:
        """Take the live line away."""
        if self.live is not None:
            self.live.stop()
            self.live = None

    def line(self, state: Any) -> str:
        """step 40/120  loss 1.234  812 tokens/s  3 min 20 s left.

        A distillation has its divergence there, and behind it the mean length of what the student
        sampled since the last line of the log and the share of it that came to an end; with a
        reward also its mean and the share of outputs that were accepted.
        """
        seconds = max(time.monotonic() - self.began, 1e-6)
        done = state.global_step - self.first_step
        parts = [f"step {state.global_step}/{state.max_steps}"]
        if self.loss:
            parts.append(f"{self.name} {self.loss}")
        parts += filter(None, [self.own, self.reward])
        seen = state.num_input_tokens_seen - self.first_tokens
        if seen:
            parts.append(f"{seen / seconds:,.0f} tokens/s")
        if done and state.max_steps > state.global_step:
            parts.append(
                f"{format_duration((state.max_steps - state.global_step) * seconds / done)} left"
            )
        return "  ".join(parts)
