"""What an engine is: it makes units of a stage somewhere, and gives their records as they come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pydantic import Field

from dimsum.settings import Settings

if TYPE_CHECKING:
    from builder.unit import Made, Watch

T = TypeVar("T")


class Engine(Protocol):
    """Maps `builder.unit.run_unit` over the units of a stage that are to be made."""

    def map(self, folder: Path, stage: str, shards: Sequence[int], watch: Watch) -> Iterator[Made]:
        """Make units, in any order, and give each when it is committed.

        Args:
            folder: of the run.
            watch: gets what was said of loaded models and tokens, at the latest with their unit,
                and which worker has which units.

        Raises:
            BuilderError: a unit or the engine failed; committed units are kept.
        """


class EngineSettings(Settings, ABC):
    """Settings of an engine; a subclass is all that another engine has to give.

    Attributes:
        kind: the engine's name.
    """

    kind: str = Field(description="the engine's name")

    @abstractmethod
    def start(self) -> AbstractContextManager[Engine]:
        """The engine, at work until the context is left, by an interrupt also."""

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """What a function of this project gives where units are made.

        It tells devices and versions before a run begins; those of this process by default.
        """
        return function(*arguments)
