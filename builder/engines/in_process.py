"""One unit after another, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from builder.engines.base import Engine, EngineSettings
from dimsum import interrupt

if TYPE_CHECKING:
    from builder.unit import Made, Watch


class InProcess:
    """Units one after another."""

    def map(self, folder: Path, stage: str, shards: Sequence[int], watch: Watch) -> Iterator[Made]:
        """As in `builder.engines.base.Engine`."""
        from builder.unit import run_unit

        for shard in shards:
            interrupt.check()
            yield run_unit(folder, stage, shard, watch)


class InProcessSettings(EngineSettings):
    """One unit after another, with the threads that measured fastest when the run was begun."""

    kind: Literal["in_process"] = "in_process"

    def start(self) -> AbstractContextManager[Engine]:
        """As in `EngineSettings`."""
        return nullcontext(InProcess())
