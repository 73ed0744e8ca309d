"""The stages of a run in order, found by name, and how many units each has."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from builder.config import BuildConfig
from builder.errors import ConfigError
from builder.stages import (
    candidates,
    clusters,
    contexts,
    decisions,
    duplicates,
    earlier,
    edges,
    near_duplicates,
    pairs,
    placement,
    rewrites,
    scores,
    sentences,
    shingles,
    splits,
)
from builder.stages.base import Stage

STAGES: tuple[Stage, ...] = (
    contexts.STAGE,
    candidates.STAGE,
    pairs.STAGE,
    scores.STAGE,
    decisions.STAGE,
    duplicates.STAGE,
    shingles.STAGE,
    edges.STAGE,
    clusters.STAGE,
    near_duplicates.STAGE,
    splits.STAGE,
)

ROUND_STAGES: tuple[Stage, ...] = (
    sentences.STAGE,
    rewrites.STAGE,
    rewrites.PAIRS,
    scores.STAGE,
    decisions.STAGE,
    duplicates.STAGE,
    shingles.STAGE,
    edges.STAGE,
    clusters.STAGE,
    near_duplicates.STAGE,
    placement.STAGE,
    placement.SPLITS,
)
"""Of a round of self-distillation: a student takes the teacher's place, the rest is the same."""


def stages_of(config: BuildConfig) -> tuple[Stage, ...]:
    """The stages of a run, in order."""
    stages = STAGES if config.round is None else ROUND_STAGES
    return stages if config.duplicates.against is None else with_earlier(stages)


@cache
def with_earlier(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Stages where the rows of another release are among those that are compared."""
    name = earlier.STAGE.name
    more = {
        edges.STAGE: (f"{name}.{earlier.SHINGLES}", f"{name}.{shingles.KEYS}"),
        clusters.STAGE: (name,),
    }
    found = []
    for stage in stages:
        if stage is edges.STAGE:
            found.append(earlier.STAGE)
        inputs = (*stage.inputs, *more.get(stage, ()))
        found.append(replace(stage, inputs=inputs) if stage in more else stage)
    return tuple(found)


def stage_of(name: str, config: BuildConfig) -> Stage:
    """One of the stages of a run.

    Raises:
        ConfigError: a run of this kind has none of that name.
    """
    for stage in stages_of(config):
        if stage.name == name:
            return stage
    names = [stage.name for stage in stages_of(config)]
    raise ConfigError(f"no stage is called {name!r}", hint=f"stages are {', '.join(names)}")


def units_of(stage: str, config: BuildConfig) -> int:
    """How many units a stage has."""
    found = stage_of(stage, config)
    if found.whole:
        return found.units(config)
    if config.round is not None:
        return sentences.shards(config.round)
    return len(contexts.shards(config))


def inputs_of(stage: Stage, shard: int, config: BuildConfig) -> dict[str, range]:
    """The units that a unit reads, by the stage that makes them.

    Of a stage over the whole corpus every unit is read, of any other the one of the same shard.
    """
    found = {}
    for name in sorted({name.partition(".")[0] for name in stage.inputs}):
        every = stage.whole or stage_of(name, config).whole
        found[name] = range(units_of(name, config)) if every else range(shard, shard + 1)
    return found
