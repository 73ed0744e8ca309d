"""Sampling from the teacher, where what cannot be sampled is a reason and not the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from builder.decoding.settings import SamplingConfig, TeacherSampling
from builder.errors import ConfigError, NoMemory

if TYPE_CHECKING:
    from builder.decoding.nucleus import NucleusSampler, Sample
    from builder.models import LoadedModel
    from builder.teachers.base import EngineSampler, EngineTeacher


def make_sampler(
    teacher: LoadedModel | EngineTeacher,
    wanted: TeacherSampling,
    stop: Literal["sentence", "length"],
    endings: float | None = None,
) -> NucleusSampler | EngineSampler:
    """The nucleus sampler of a configuration, where its teacher is."""
    from builder.decoding.nucleus import NucleusSampler
    from builder.teachers.base import EngineTeacher

    shared = {name: getattr(wanted, name) for name in TeacherSampling.model_fields}
    settings = SamplingConfig(**shared, stop=stop, endings=endings)
    if isinstance(teacher, EngineTeacher):
        return teacher.sampler(settings)
    return NucleusSampler(teacher.model, teacher.tokenizer, settings)


def sample_each(
    nucleus: NucleusSampler | EngineSampler,
    prompts: list[str],
    samples: int,
    seed: int,
    tick: Callable[[int], None],
) -> tuple[list[Sample], dict[int, str]]:
    """Samples of every prompt, ordered by (prompt, index), and the prompts that have none.

    Returns:
        the samples, and for each prompt that could not be sampled its reason: out_of_memory (a
        single row did not fit) or prompt_unusable (longer than the model's positions).
    """
    from builder.teachers.base import EngineSampler

    if isinstance(nucleus, EngineSampler):
        return nucleus.sample_each(prompts, samples, seed, tick)
    try:
        return nucleus.sample(prompts, samples, seed=seed, on_tokens=tick), {}
    except (ConfigError, NoMemory) as error:
        if len(prompts) == 1:
            reason = "prompt_unusable" if isinstance(error, ConfigError) else "out_of_memory"
            return [], {0: reason}
    middle = len(prompts) // 2
    first, faults = sample_each(nucleus, prompts[:middle], samples, seed, tick)
    rest, more = sample_each(nucleus, prompts[middle:], samples, seed + 1, tick)
    moved = [replace(one, prompt=one.prompt + middle) for one in rest]
    return first + moved, faults | {index + middle: reason for index, reason in more.items()}
