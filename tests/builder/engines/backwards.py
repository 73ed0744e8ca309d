"""An engine of a user's own: the last unit first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Literal

from builder.engines import Engine, EngineSettings
from builder.unit import Made, Watch, run_unit


class Backwards:
    def map(self, folder: Path, stage: str, shards: Sequence[int], watch: Watch) -> Iterator[Made]:
        for shard in reversed(shards):
            yield run_unit(folder, stage, shard, watch)


class BackwardsSettings(EngineSettings):
    kind: Literal["tests.builder.engines.backwards:BackwardsSettings"]
    rests: int = 0

    def start(self) -> AbstractContextManager[Engine]:
        return nullcontext(Backwards())
