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


def list_stages(config: BuildConfig) -> tuple[Stage, ...]:
    """The stages of a run, in order."""
    stages = STAGES if config.round is None else ROUND_STAGES
    return stages if config.duplicates.against is None else add_earlier(stages)


@cache
def add_earlier(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
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


def find_stage(name: str, config: BuildConfig) -> Stage:
    """One of the stages of a run.

    Raises:
        ConfigError: a run of this kind has none of that name.
    """
    for stage in list_stages(config):
        if stage.name == name:
            return stage
    names = [stage.name for stage in list_stages(config)]
    raise ConfigError(f"no stage is called {name!r}", hint=f"stages are {', '.join(names)}")


def count_units(stage: str, config: BuildConfig) -> int:
    """How many units a stage has."""
    found = find_stage(stage, config)
    if found.whole:
        return found.units(config)
    if config.round is not None:
        return sentences.count_shards(config.round)
    return len(contexts.list_shards(config))


def list_inputs(stage: Stage, shard: int, config: BuildConfig) -> dict[str, range]:
    """The units that a unit reads, by the stage that makes them.

    Of a stage over the whole corpus every unit is read, of any other the one of the same shard.
    """
    found = {}
    for name in sorted({name.partition(".")[0] for name in stage.inputs}):
        every = stage.whole or find_stage(name, config).whole
        found[name] = range(count_units(name, config)) if every else range(shard, shard + 1)
    return found
