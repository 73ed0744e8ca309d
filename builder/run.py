"""The run: every stage in order, every shard of a stage, nothing done twice.

contexts -> candidates -> pairs -> scores -> decisions -> duplicates
         -> near_duplicates -> splits -> release

A round of self-distillation begins with the sentences of an earlier run instead:

sentences -> rewrites -> pairs -> scores -> ... -> near_duplicates -> placement -> splits -> release
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from builder.config import BuildConfig, ModelConfig
from builder.critics.spec import read_spec
from builder.errors import GateError
from builder.models import pick_device, pick_dtype, pinned, resolve
from builder.pool import ModelPool
from builder.prepacking import BOTH, MANY_ROWS, settle
from builder.progress import Progress
from builder.stages import (
    candidates,
    contexts,
    decisions,
    duplicates,
    near_duplicates,
    pairs,
    placement,
    rewrites,
    scores,
    sentences,
    splits,
)
from builder.stages.base import Stage, Work
from builder.store import REJECTS, Run, Sidecar, digest, seed_of
from dimsum import interrupt
from dimsum.spec import read_spec as read_student

STAGES: tuple[Stage, ...] = (
    contexts.STAGE,
    candidates.STAGE,
    pairs.STAGE,
    scores.STAGE,
    decisions.STAGE,
    duplicates.STAGE,
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
    near_duplicates.STAGE,
    placement.STAGE,
    placement.SPLITS,
)
"""Of a round of self-distillation: a student takes the teacher's place, the rest is the same."""


@dataclass(frozen=True)
class BuildResult:
    """Where a finished build lies.

    Attributes:
        run: the run folder.
        dataset: the released folder, `RUN/<name>`.
        rows: released rows.
    """

    run: Path
    dataset: Path
    rows: int


def build(
    config: BuildConfig,
    folder: str | Path,
    *,
    progress: Progress | None = None,
    models: ModelPool | None = None,
    first: str | None = None,
) -> BuildResult:
    """Build a corpus into a run folder, or go on with one that was begun.

    Args:
        config: of `builder.load_config`.
        folder: a new or empty folder, or an earlier run.
        progress: where to report; None is silent.
        models: replaces the models that the configuration names (for tests).
        first: stage to begin at; what lies before it is taken as it is. None is the first.

    Raises:
        BuilderError: a model, a file or the disk failed; finished units are kept.
        GateError: the filters kept nothing, or too much was a near-duplicate.
    """
    from builder.release import write_release

    progress = progress or Progress(quiet=True)
    run = Run.create(Path(folder))
    with run.locked(), progress:
        header = prepare(run, config) if first is None else _kept_header(run, config)
        pool = models or ModelPool(config, header["models"], progress.say)
        stages = stages_of(config)
        names = [stage.name for stage in stages]
        for stage in stages[names.index(first) if first else 0 :]:
            run_stage(run, stage, config, header["models"], pool, progress)
        pool.release()
        rows = run.sidecar(splits.STAGE.name, 0)
        if rows is None or rows.kept == 0:
            raise GateError(
                "the filters kept no pair",
                hint=f"`dimsum show {run.folder}` says what each rule removed",
            )
        dataset = write_release(run, config, header)
    return BuildResult(run.folder, dataset, rows.kept)


def prepare(run: Run, config: BuildConfig) -> dict[str, Any]:
    """Resolve models and dtypes, and write the run's header.

    A dtype and a Hub model's commit are resolved once and kept: a machine that measures otherwise
    tomorrow, or a branch that moves, must not change the bytes of a run that was begun today.
    """
    wanted: dict[str, ModelConfig] = {"teacher": config.teacher, "critic": config.critic}
    if config.round is not None:
        wanted["student"] = config.round.student
    if config.pairs.encoder:
        wanted["encoder"] = ModelConfig(
            model=config.pairs.encoder, dtype="float32", prepacked=config.critic.prepacked
        )
    earlier = run.header().get("models", {})
    models = {}
    for role, model in wanted.items():
        if config.round is not None and role == "teacher":
            continue
        before = earlier.get(role, {})
        if before.get("reference") != model.model:
            before = {}
        dtype = _dtype(model, before)
        models[role] = {
            **_model_facts(model, before),
            "dtype": dtype,
            "prepacked": _prepacked(role, model, dtype, before),
        }
    if config.round is not None:  # what the teacher was when it wrote the sentences
        models["teacher"] = Run.open(config.round.corpus).header()["models"]["teacher"]
    header = {"config": config.model_dump(mode="json"), "models": models}
    run.write_header(header)
    return header


def _kept_header(run: Run, config: BuildConfig) -> dict[str, Any]:
    """The header with another configuration; its models are those that did the work."""
    header = {"config": config.model_dump(mode="json"), "models": run.header()["models"]}
    run.write_header(header)
    return header


def _model_facts(model: ModelConfig, before: Mapping[str, Any]) -> dict[str, Any]:
    """Reference, identity, revision and licence of a model; a Hub commit stays what it was."""
    resolved = resolve(model.model)
    if resolved.identity.startswith("hub:"):
        if before:
            return {key: before[key] for key in ("reference", "identity", "revision", "licence")}
        resolved = pinned(resolved)
    identity = resolved.identity
    critic = read_spec(Path(resolved.path))
    for one in (critic, critic.second if critic else None):
        if one is not None and one.over_base:
            identity += f" over {resolve(one.base).identity}"
    student = read_student(Path(resolved.path))
    return {
        "reference": model.model,
        "identity": identity,
        "revision": resolved.revision,
        "licence": resolved.licence or (student.training.get("licence") if student else None),
    }


def _dtype(model: ModelConfig, before: Mapping[str, Any]) -> str:
    if model.dtype != "auto":
        return model.dtype
    kept = before.get("dtype")
    return kept or str(pick_dtype(pick_device(model.device))).removeprefix("torch.")


def _prepacked(role: str, model: ModelConfig, dtype: str, before: Mapping[str, Any]) -> bool:
    """Whether its weights are packed: that changes bytes by rounding, so a run keeps to it."""
    switch = model.prepacked
    if switch == "auto" and before.get("dtype") == dtype and "prepacked" in before:
        switch = "on" if before["prepacked"] else "off"
    measured = BOTH if role in ("teacher", "student") else MANY_ROWS
    return settle(switch, pick_device(model.device), getattr(torch, dtype), measured)


def run_stage(
    run: Run,
    stage: Stage,
    config: BuildConfig,
    identities: Mapping[str, Any],
    models: ModelPool,
    progress: Progress,
) -> list[Sidecar]:
    """Bring every unit of a stage up to date."""
    units = units_of(stage.name, config)
    progress.begin(stage.name, units)
    records = []
    for shard in range(units):
        interrupt.check()
        fingerprint = fingerprint_of(run, stage, config, shard, identities)
        record = run.done(stage.name, shard, fingerprint)
        skipped = record is not None
        if record is None:
            began = time.monotonic()
            run.sidecar_path(stage.name, shard).unlink(missing_ok=True)
            work = Work(
                config=config,
                shard=shard,
                seed=seed_of(config.seed, stage.name, shard),
                tables={name: _input(run, stage, name, shard, config) for name in stage.inputs},
                models=models,
                tick=progress.tick,
            )
            output = stage.make(work)
            record = run.commit(stage.name, shard, fingerprint, output, time.monotonic() - began)
        progress.unit_done(record.entered, record.kept, skipped=skipped)
        records.append(record)
    progress.end()
    return records


def fingerprint_of(
    run: Run,
    stage: Stage,
    config: BuildConfig,
    shard: int,
    identities: Mapping[str, Any],
) -> str:
    """What a unit's rows depend on: code version, settings, models, chance and inputs."""
    parts = sorted({name.partition(".")[0] for name in stage.inputs})
    upstream = {}
    for name in parts:
        numbers = range(units_of(name, config)) if stage.whole else [shard]
        upstream[name] = [
            {k: v for k, v in record.files.items() if REJECTS not in k}
            for number in numbers
            if (record := run.sidecar(name, number))
        ]
    return digest(
        {
            "stage": stage.name,
            "version": stage.version,
            "seed": config.seed,
            "shard": shard,
            "settings": stage.settings(config, shard),
            "models": {
                role: [identities[role].get(fact) for fact in ("identity", "dtype", "prepacked")]
                for role in stage.models
                if role in identities
            },
            "inputs": upstream,
        }
    )


def stages_of(config: BuildConfig) -> tuple[Stage, ...]:
    """The stages of a run, in order."""
    return STAGES if config.round is None else ROUND_STAGES


def units_of(stage: str, config: BuildConfig) -> int:
    """How many units a stage has."""
    if next(s for s in stages_of(config) if s.name == stage).whole:
        return 1
    if config.round is not None:
        return sentences.shards(config.round)
    return len(contexts.shards(config))


def _input(run: Run, stage: Stage, name: str, shard: int, config: BuildConfig) -> pa.Table:
    """One shard's table, or all of them joined for a stage over the whole corpus."""
    upstream, _, table = name.partition(".")
    numbers = range(units_of(upstream, config)) if stage.whole else [shard]
    return pa.concat_tables([run.read(upstream, number, table or None) for number in numbers])
