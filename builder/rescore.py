"""Other thresholds on scores that are there: compare in memory, then apply to the run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from builder.config import BuildConfig, parse_config
from builder.errors import BuilderError, ConfigError
from builder.outdated import find_outdated
from builder.run import BuildResult, make_stages
from builder.stages.decisions import decide_pairs
from builder.stages.order import count_units
from builder.store import Run
from dimsum.settings import apply_overrides

CHANGEABLE = ("rules", "duplicates", "splits", "validity")
FIRST = "decisions"
"""The first stage that these change."""


@dataclass(frozen=True)
class Comparison:
    """Decisions under the run's rules and under others.

    Attributes:
        before: scored pairs by decision: a task, or a reason of rejection.
        after: the same under `config`.
        moved: pairs whose decision changed between being kept and being rejected.
    """

    config: BuildConfig
    before: dict[str, int]
    after: dict[str, int]
    moved: int

    def as_json(self) -> dict[str, Any]:
        """A JSON-able mapping."""
        return {"before": self.before, "after": self.after, "moved": self.moved}


def compare(run: Run, overrides: tuple[str, ...]) -> Comparison:
    """Decide every scored pair of a run under its rules and under changed ones.

    Raises:
        ConfigError: an override of something that would need a model.
        UsageError: a rule that is looser than what was scored.
    """
    document = run.header()["config"]
    for override in overrides:
        key = override.partition(".")[0].partition("=")[0].strip()
        if key not in CHANGEABLE:
            raise ConfigError(
                f"{key} cannot be changed without models",
                hint=f"rescore changes {', '.join(CHANGEABLE)}; for the rest run `dimsum build`",
            )
    old = parse_config(document)
    new = apply_overrides(old, overrides)
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    moved = 0
    for shard in range(count_units("scores", old)):
        table = run.read("scores", shard)
        was, now = decide_pairs(table, old), decide_pairs(table, new)
        before.update(was.counts())
        after.update(now.counts())
        moved += int((was.kept != now.kept).sum())
    return Comparison(new, dict(before.most_common()), dict(after.most_common()), moved)


def apply(run: Run, config: BuildConfig) -> BuildResult:
    """Take decisions and all that follows again; no stage of them may load a model.

    Args:
        run: whose lock is held.

    Raises:
        BuilderError: the scores are not complete.
    """
    missing = sum(run.sidecar("scores", n) is None for n in range(count_units("scores", config)))
    if missing:
        raise BuilderError(
            f"{missing} shards of {run.folder} are not scored yet", hint="run `dimsum build` first"
        )
    header = {**run.header(), "config": config.model_dump(mode="json")}  # the models stay
    find_outdated(run, header, first=FIRST).forget(run)
    run.write_header(header)
    return make_stages(run, config, first=FIRST)
