"""What a teacher is that another program computes, and what samples from it.

The interface is that of `builder.decoding.nucleus.NucleusSampler`, and
`tests/builder/teachers/test_contract.py` holds every engine to the same promises.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from builder.decoding.settings import SamplingConfig
from builder.errors import ConfigError

if TYPE_CHECKING:
    from builder.decoding.continuation import Sample

UNUSABLE = "prompt_unusable"
"""The reason of a prompt that is longer than the model takes."""
UNHELD = {"no_repeat_ngram": "0", "endings": "null"}
"""Settings that only this project's sampler holds, and their values without effect."""


class EngineTeacher(ABC):
    """A teacher that is there and has the model.

    Attributes:
        model: its name.
        notes: for whoever watches the build.
    """

    model: str
    notes: tuple[str, ...]

    @abstractmethod
    def sampler(self, config: SamplingConfig) -> EngineSampler:
        """What samples from it.

        Raises:
            ConfigError: the engine does not hold a part of the configuration.
        """


class EngineSampler(ABC):
    """Samples continuations as `NucleusSampler` does.

    Args:
        config: how.

    Raises:
        ConfigError: the engine does not hold a part of it.
    """

    kind: ClassVar[str]
    """The engine's name in a configuration."""

    def __init__(self, config: SamplingConfig) -> None:
        for name, without in UNHELD.items():
            if getattr(config, name):
                raise ConfigError(
                    f"{name} is not held by a teacher with engine {self.kind}",
                    hint=f"set {name} to {without}, or let teacher.engine.kind be torch",
                )
        self.config = config

    def sample(
        self,
        prompts: Sequence[str],
        samples: int,
        *,
        seed: int,
        on_tokens: Callable[[int], None] | None = None,
    ) -> list[Sample]:
        """As `NucleusSampler.sample`.

        Raises:
            ConfigError: a prompt is too long for the model.
            BuilderError: the engine fails.
        """
        found, faults = self.sample_each(prompts, samples, seed, on_tokens or (lambda count: None))
        if faults:
            raise ConfigError(
                f"prompt {min(faults)} is longer than the teacher takes",
                hint="shorter openings or contexts, or a model with more positions",
            )
        return found

    @abstractmethod
    def sample_each(
        self, prompts: Sequence[str], samples: int, seed: int, tick: Callable[[int], None]
    ) -> tuple[list[Sample], dict[int, str]]:
        """As `builder.sampling.sample_each`: samples, and the prompts that have none.

        Raises:
            BuilderError: the engine fails.
        """
