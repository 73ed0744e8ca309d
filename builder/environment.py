"""Where a unit was computed: the versions and devices that change its bytes.

A run notes the environment that it was begun in, and it enters the fingerprint of every unit that
depends on it. Units of another environment are only added to a run that allows it (`run.mixed`);
the card then says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from builder.config import BuildConfig, ModelConfig
from builder.errors import ConfigError
from builder.stages.base import Stage
from builder.stages.order import list_stages
from builder.store import Run
from dimsum.devices import pick_device

OF_MODELS = ("torch", "transformers", "tokenizers")
"""Libraries whose versions change what a model computes."""

SERVER = "a server ("
"""What the place of a model begins with that a server computes."""
VLLM = "vllm "
"""What the place of a model begins with that vLLM computes."""

Environment = Mapping[str, str]
"""Library to version, and role of a model to kind of device (cpu, cuda, mps)."""


def list_models(config: BuildConfig) -> dict[str, ModelConfig]:
    """The models that a run may load, by role."""
    found: dict[str, ModelConfig] = {"critic": config.critic}
    if config.round is None:
        found = {"teacher": config.teacher, **found}
    else:
        found["student"] = config.round.student
    if config.pairs.encoder:
        found["encoder"] = ModelConfig(
            model=config.pairs.encoder, dtype="float32", prepacked=config.critic.prepacked
        )
    return found


def read_environment(stage: Stage, config: BuildConfig) -> dict[str, str]:
    """What a stage's bytes depend on, as it is in this process."""
    roles = stage.roles(config)
    models = {role: model for role, model in list_models(config).items() if role in roles}
    libraries = [*stage.libraries_of(config), *(OF_MODELS if models else ())]
    devices = {role: _find_place(model) for role, model in models.items()}
    return {**{name: _find_version(name) for name in libraries}, **devices}


def read_environment_here(config: BuildConfig) -> dict[str, str]:
    """What any stage of a run depends on, as it is in this process."""
    return {
        k: v for stage in list_stages(config) for k, v in read_environment(stage, config).items()
    }


def take_part(
    stage: Stage,
    config: BuildConfig,
    environment: Environment,
    libraries: Iterable[str] | None = None,
) -> dict[str, str]:
    """What of an environment a stage depends on.

    Args:
        libraries: those that count, besides those that compute models; all of the stage by default.
    """
    roles = {role for role in stage.roles(config) if role in environment}
    noted = stage.libraries_of(config) if libraries is None else libraries
    wanted = {*noted, *roles, *(OF_MODELS if roles else ())}
    return {name: value for name, value in environment.items() if name in wanted}


def check_environments(
    run: Run, config: BuildConfig, stage: Stage, known: Sequence[Environment], here: Environment
) -> list[Environment]:
    """The environments of a run to which units of a stage are about to be added here.

    Args:
        known: those that the run has units of, the last being the one that new units come from.

    Raises:
        ConfigError: units that are there were computed in another environment, and the run does
            not allow to mix them.
    """
    wanted, noted = (take_part(stage, config, one) for one in (here, known[-1]))
    if wanted == noted:
        return list(known)
    if noted.items() <= wanted.items():  # an earlier version did not note all of it
        return [*known[:-1], {**known[-1], **wanted}]
    differing = {
        name for other in known for name in {*here, *other} if here.get(name) != other.get(name)
    }
    present = (one for one in list_stages(config) if any((run.folder / one.name).glob("*.json")))
    if not any(
        differing & {n for env in known for n in take_part(one, config, env)} for one in present
    ):
        return [here]
    if config.run.mixed:
        return [*(one for one in known if one != here), here]
    before, now = (
        format_environment({k: v for k, v in e.items() if k in differing})
        for e in (known[-1], here)
    )
    raise ConfigError(
        f"units of {run.folder} were computed with {before}, and this is {now}",
        hint="go on where it was begun, or in a new folder; with `--set run.mixed=true` new units "
        "join the old ones, and the card says so",
    )


def format_environment(environment: Environment) -> str:
    """`torch 2.9.0, the teacher on cuda`."""
    return ", ".join(
        f"the {name} on {value}"
        if value in ("cpu", "cuda", "mps") or value.startswith((SERVER, VLLM))
        else f"{name} {value}"
        for name, value in sorted(environment.items())
    )


def _find_place(model: ModelConfig) -> str:
    """Kind of the device that computes a model, or the engine that does, with its version."""
    if model.server is not None:
        from builder.teachers.server import ask_version

        return f"{SERVER}{ask_version(model.server)})"
    device = pick_device(model.device).type
    if model.vllm is not None:
        from builder.teachers.vllm import find_vllm_version

        return f"{VLLM}{find_vllm_version()} ({device})"
    return device


@cache
def _find_version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"
