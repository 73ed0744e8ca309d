"""The funnel: what came into each stage, what went on, and why the rest did not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from builder.config import BuildConfig
from builder.decide import ALSO
from builder.errors import BuilderError
from builder.stages.order import count_units, list_stages
from builder.store import Run


@dataclass(frozen=True, slots=True)
class Step:
    """One stage, summed over its shards; `entered == kept + sum(rejected.values())`."""

    stage: str
    counted: str
    entered: int
    kept: int
    rejected: dict[str, int]
    seconds: float
    counters: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """A JSON-able mapping."""
        return asdict(self)


def count_funnel(run: Run, config: BuildConfig) -> list[Step]:
    """The steps that are finished so far, in order.

    What a stage took that only prepares the next is added to that one.

    Raises:
        BuilderError: a step that does not add up, which would be a fault of the builder.
    """
    steps = []
    counters: dict[str, int] = {}
    seconds = 0.0
    for stage in list_stages(config):
        records = [
            run.sidecar(stage.name, shard) for shard in range(count_units(stage.name, config))
        ]
        known = [record for record in records if record is not None]
        if not known:
            break
        rejected: dict[str, int] = {}
        seconds += sum(record.seconds for record in known)
        for record in known:
            for reason, count in record.rejected.items():
                rejected[reason] = rejected.get(reason, 0) + count
            for name, count in record.counters.items():
                counters[name] = counters.get(name, 0) + count
        if not stage.counted:
            continue
        step = Step(
            stage=stage.name,
            counted=stage.counted,
            entered=sum(record.entered for record in known),
            kept=sum(record.kept for record in known),
            rejected=dict(sorted(rejected.items(), key=lambda item: (-item[1], item[0]))),
            seconds=round(seconds, 1),
            counters=counters,
        )
        if step.entered != step.kept + sum(step.rejected.values()):
            raise BuilderError(
                f"the funnel of {stage.name} does not add up",
                hint="a table of the run is damaged: delete it, and `dimsum build` makes it again",
            )
        steps.append(step)
        counters, seconds = {}, 0.0
    return steps


def count_several(steps: Iterable[Step]) -> dict[str, int]:
    """Pairs of a task that satisfy the rules of another one, by the other."""
    counters = [item for step in steps for item in step.counters.items()]
    return {name.removeprefix(ALSO): n for name, n in counters if name.startswith(ALSO)}
