"""The run: every stage in order, every shard of a stage, nothing done twice.

contexts -> candidates -> pairs -> scores -> decisions -> duplicates
         -> shingles -> edges -> clusters -> near_duplicates -> splits -> release

A round of self-distillation begins with the sentences of an earlier run instead:

sentences -> rewrites -> pairs -> scores -> ... -> near_duplicates -> placement -> splits -> release

The order is `builder.stages.order`, one unit of it is `builder.unit`, and where units are made is
an engine's part (`builder.engines`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from builder.checks import check_models
from builder.config import BuildConfig, ModelConfig
from builder.critics.spec import read_spec
from builder.engines import Engine
from builder.engines.in_process import InProcessSettings
from builder.enough import COUNTED, carry_shards, open_within_budget, say_fewer, take_enough
from builder.environment import Environment, check_environments, list_models, read_environment_here
from builder.errors import ConfigError, GateError
from builder.models import pin, resolve
from builder.outdated import Outdated, find_outdated
from builder.pool import forget_models
from builder.progress import Progress
from builder.stages import splits
from builder.stages.base import Stage
from builder.stages.order import count_units, list_stages
from builder.status import Beacon
from builder.store import Run, digest
from builder.unit import Opened, find_finished, list_files, open_header, open_run
from builder.validity.use import find_model, find_prior
from dimsum import interrupt
from dimsum.devices import pick_device, pick_dtype
from dimsum.places import find_far, parse_place
from dimsum.spec import read_spec as read_student
from dimsum.threads import use_fastest_threads, use_threads

PREVIEWED = 5
"""Pairs that `run.preview` shows."""
BY_VLLM = " by vllm with "
"""Stands between the identity of a teacher's weights and a digest of vLLM's settings."""


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
    keep_models: bool = False,
    again: bool = False,
) -> BuildResult:
    """Build a corpus into a run folder, or go on with one that was begun.

    Args:
        config: of `builder.load_config`.
        folder: a new or empty folder, or an earlier run, on this machine or in a store
            (`s3://bucket/run`).
        progress: where to report; None is silent.
        keep_models: leave loaded models in this process for the next build.
        again: make finished units again that this configuration would make otherwise.

    Raises:
        BuilderError: a model, a file or the disk failed; finished units are kept.
        ConfigError: units that are there were computed with other versions or devices.
        MadeOtherwise: units that are there were made by another configuration.
        GateError: the filters kept nothing, or too much was a near-duplicate.
    """
    for find in (find_model, find_prior):
        find(config)  # a fault in it shows before anything runs
    run = Run.create(parse_place(folder))
    place = find_far(run.folder)
    if place and place.scheme == "memory" and not isinstance(config.run.engine, InProcessSettings):
        raise ConfigError(
            f"{place} is in the memory of this process, and {config.run.engine.kind} has others",
            hint="build in_process, or give a folder that all processes see",
        )
    with run.lock():
        header = resolve_header(run, config)
        outdated = find_outdated(run, header)
        if outdated.units and not again:
            raise outdated.refusal(run.folder)
        shown = progress or Progress(quiet=True)
        opened = open_header(run.folder, header)
        wanted = check_inputs(open_within_budget(opened), outdated)
        use_threads(header["threads"])
        check_models(opened, wanted, shown.say)
        if wanted and not isinstance(config.run.engine, InProcessSettings):
            forget_models()  # workers have models of their own
        outdated.forget(run)
        run.write_header(header)
        return make_stages(run, opened.config, progress=shown, keep_models=keep_models)


def make_stages(
    run: Run,
    config: BuildConfig,
    *,
    first: str | None = None,
    progress: Progress | None = None,
    keep_models: bool = False,
) -> BuildResult:
    """Bring the stages of a run up to date with its header, and its release.

    Args:
        run: whose lock is held.
        first: stage to begin at; what lies before it is taken as it is. None is the first.

    Raises:
        as `build`.
    """
    from builder.release import write_release

    stages = list_stages(config)
    names = [stage.name for stage in stages]

    @cache
    def find_environment() -> Environment:
        """Asked for once, before workers hold the devices."""
        return config.run.engine.call(read_environment_here, config)

    with (
        progress or Progress(quiet=True) as shown,
        Beacon(run.folder, shown.tell),
        config.run.engine.start() as engine,
    ):
        maker = Maker(run, engine, shown, find_environment)
        if config.run.preview and first is None:
            preview(maker, config)
        if config.run.pairs is not None and first is None:
            config = take_enough(
                config, run, lambda stage, shards: run_stage(maker, stage, shards=shards)
            )
            first = names[names.index(COUNTED) + 1]
        for stage in stages[names.index(first) if first else 0 :]:
            run_stage(maker, stage)
        say_fewer(config, run, shown.say)
    if not keep_models:
        forget_models()
    rows = run.sidecar(splits.STAGE.name, 0)
    if rows is None or rows.kept == 0:
        raise GateError(
            "no pair passed the filters",
            hint=f"`dimsum show {run.folder}` says what each rule removed",
        )
    dataset = write_release(run, config, run.header())
    return BuildResult(run.folder, dataset, rows.kept)


def resolve_header(run: Run, config: BuildConfig) -> dict[str, Any]:
    """The header of a run under a configuration, its models and dtypes resolved; writes nothing.

    Dtypes, threads and a Hub model's commit are resolved once and kept: a machine that measures
    otherwise tomorrow, or a branch that moves, must not change the bytes of a run that was begun
    today.
    """
    before = run.header()
    earlier = {}
    for role, model in list_models(config).items():
        known = before.get("models", {}).get(role, {})
        earlier[role] = known if known.get("reference") == model.model else {}
    config = carry_shards(config, before)
    facts = {
        role: _describe_model(model, earlier[role]) for role, model in list_models(config).items()
    }
    numbers, here = config.run.engine.call(settle_here, config, earlier)
    models = {role: {**found, **numbers[role]} for role, found in facts.items()}
    if config.round is not None:  # what the teacher was when it wrote the sentences
        models["teacher"] = Run.open(config.round.corpus).header()["models"]["teacher"]
    noted = [{k: v for k, v in e.items() if k in here} for e in before.get("environments", ())]
    return {
        "config": config.model_dump(mode="json"),
        "models": models,
        "environments": noted or [here],
        "threads": before.get("threads") or use_fastest_threads(),
    }


def settle_here(
    config: BuildConfig, earlier: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """What of a header depends on where it is settled: numbers of each model, and environment.

    Args:
        earlier: of each role, what the run has settled before.
    """
    numbers = {}
    for role, model in list_models(config).items():
        if model.server is not None:
            numbers[role] = {"dtype": "the server's numbers", "prepacked": False}
            continue
        dtype = _choose_dtype(model, earlier[role])
        packed = model.vllm is None and _uses_prepacking(role, model, dtype, earlier[role])
        numbers[role] = {"dtype": dtype, "prepacked": packed}
    return numbers, read_environment_here(config)


def _describe_model(model: ModelConfig, before: Mapping[str, Any]) -> dict[str, Any]:
    """Reference, identity, revision and licence of a model; a Hub commit stays what it was."""
    if model.server is not None:
        name = model.server.served or model.model
        return {
            "reference": model.model,
            "identity": f"served:{name} with {digest(model.server.extra)}",
            "revision": None,
            "licence": None,
        }
    facts = _describe_weights(model, before)
    identity, _, _ = str(facts["identity"]).partition(BY_VLLM)
    if model.vllm is not None:
        identity += BY_VLLM + digest(model.vllm.model_dump(exclude={"memory"}))
    return {**facts, "identity": identity}


def _describe_weights(model: ModelConfig, before: Mapping[str, Any]) -> dict[str, Any]:
    resolved = resolve(model.model)
    if resolved.identity.startswith("hub:"):
        if before:
            return {key: before[key] for key in ("reference", "identity", "revision", "licence")}
        resolved = pin(resolved)
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


def _choose_dtype(model: ModelConfig, before: Mapping[str, Any]) -> str:
    if model.dtype != "auto":
        return model.dtype
    settled = before.get("dtype")
    return settled or str(pick_dtype(pick_device(model.device))).removeprefix("torch.")


def _uses_prepacking(role: str, model: ModelConfig, dtype: str, before: Mapping[str, Any]) -> bool:
    """Whether its weights are packed: that changes bytes by rounding, so a run keeps to it."""
    import torch

    from builder.prepacking import BOTH, MANY_ROWS, settle

    switch = model.prepacked
    if switch == "auto" and before.get("dtype") == dtype and "prepacked" in before:
        switch = "on" if before["prepacked"] else "off"
    measured = BOTH if role in ("teacher", "student") else MANY_ROWS
    return settle(switch, pick_device(model.device), getattr(torch, dtype), measured)


def check_inputs(opened: Opened, outdated: Outdated) -> set[str]:
    """Refuse before anything is made what could only fail later: the files that units will read.

    Returns:
        roles of the models that are needed for what is not made yet.

    Raises:
        BuilderError: one of the files is not there, or holds nothing that can be used.
    """
    roles: set[str] = set()
    for stage in list_stages(opened.config):
        for shard in range(count_units(stage.name, opened.config)):
            made = opened.run.sidecar(stage.name, shard) is not None
            if made and shard not in outdated.units.get(stage.name, ()):
                continue
            roles |= {*stage.roles(opened.config)}
            for path in list_files(stage, opened.config, shard).values():
                if stage.content is not None:
                    stage.content(path)
    return roles


@dataclass(frozen=True)
class Maker:
    """What makes the units of a run's stages.

    Attributes:
        environment: of where they are made.
    """

    run: Run
    engine: Engine
    progress: Progress
    environment: Callable[[], Environment]


def preview(maker: Maker, config: BuildConfig) -> None:
    """Take the first shard through every stage that works on one alone, and show what it kept."""
    alone = [*takewhile(lambda stage: stage.counted and not stage.whole, list_stages(config))]
    if count_units(alone[-1].name, config) == 1:
        return
    run, progress = maker.run, maker.progress
    opened = open_run(run.folder)
    if find_finished(opened, alone[-1], 0) is not None:
        return
    for stage in alone:
        run_stage(maker, stage, shards=(0,))
    kept = run.read(alone[-1].name, 0).slice(0, PREVIEWED).to_pylist()
    progress.say(f"The first pairs, {len(kept)} of shard 1; repeats across shards are still in.")
    for row in kept:
        progress.say(f"[{row['task']}]\n  {row['source']}\n  {row['target']}")


def run_stage(maker: Maker, stage: Stage, *, shards: Sequence[int] | None = None) -> None:
    """Bring the units of a stage up to date, all or some."""
    run, progress = maker.run, maker.progress
    opened = open_run(run.folder)
    wanted = range(count_units(stage.name, opened.config)) if shards is None else shards
    progress.begin(stage.name, len(wanted))
    pending = []
    for shard in wanted:
        interrupt.check()
        record = find_finished(opened, stage, shard)
        if record is None:
            pending.append(shard)
        else:
            progress.unit_done(record, skipped=True)
    if pending:
        _settle(run, stage, maker.environment())
        for made in maker.engine.map(run.folder, stage.name, pending, progress):
            run.check_lock()
            progress.unit_done(made.record, skipped=False)
    progress.end()


def _settle(run: Run, stage: Stage, here: Environment) -> None:
    """Note the environment that new units of a stage come from, if they may come from it.

    Raises:
        ConfigError: they would be mixed with units of another environment.
    """
    opened = open_run(run.folder)
    found = check_environments(run, opened.config, stage, opened.environments, here)
    if found != list(opened.environments):
        run.write_header({**run.header(), "environments": found})
