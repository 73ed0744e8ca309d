"""Where a run is computed and where it ends; what a round of self-distillation rewrites."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from builder.config.models import ModelConfig
from builder.engines import EngineChoice
from builder.engines.in_process import InProcessSettings
from dimsum.settings import Settings
from dimsum.spec import Generation


class RewritingConfig(Settings):
    """How a student rewrites the teacher's sentences; the numbers are the paper's."""

    sentences: Literal["candidates", "sources"] = Field(
        "candidates",
        description="candidates: the first of each context; sources: those of the first corpus' "
        "pairs, which have passed its rules, so that a sentence comes under several codes",
    )
    per_context: int = Field(1, ge=1, description="sentences of each context that are rewritten")
    least_words: int = Field(0, ge=0, description="of a sentence that is rewritten")
    samples: int = Field(10, ge=0, description="of each sentence under each code (paper: 10)")
    beams: int | None = Field(
        None,
        ge=2,
        description="of a search for each sentence under each code, within the lengths that it "
        "asks for; all of its texts are rewrites. Empty: no search",
    )
    codes: tuple[str, ...] = Field(
        (),
        description="control codes that are asked for, of those that the student was trained on; "
        "empty: all of them",
    )
    sampling: Generation = Generation()
    batch_size: int = Field(256, ge=1, description="outputs that are written together")

    @model_validator(mode="after")
    def _writes_something(self) -> RewritingConfig:
        if not self.samples and self.beams is None:
            raise ValueError("give samples, beams, or both")
        return self


class RoundConfig(Settings):
    """A round of self-distillation."""

    number: int = Field(1, ge=1, description="the teacher's own being 0")
    corpus: Path = Field(description="run whose candidates are rewritten")
    earlier: Path = Field(description="run whose rows are released with the round's")
    student: ModelConfig
    rewriting: RewritingConfig = RewritingConfig()


class RunConfig(Settings):
    """Where a run is computed, which decides nothing of what it computes, and where it ends."""

    engine: EngineChoice = Field(
        InProcessSettings(),
        description="{kind: in_process}, {kind: processes, workers: N}, "
        "{kind: ray, address: HOST:PORT}; also module:name",
    )
    mixed: bool = Field(
        False, description="let units of other versions or devices join those that are there"
    )
    preview: bool = Field(
        False,
        description="take the first shard to its pairs and show some before the others begin; all "
        "models are then in memory at once",
    )
    pairs: int | None = Field(
        None,
        ge=1,
        description="released pairs of each task: the first shards that suffice are made, and of "
        "more as many are taken; contexts.openings is then the most. Empty: all openings",
    )
    shards: int | None = Field(
        None, ge=1, description="set by the build where pairs is given: the shards that it took"
    )
