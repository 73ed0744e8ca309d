"""What the proximity probe draws, and how much of it."""

from __future__ import annotations

from pydantic import Field, model_validator

from dimsum.settings import Settings

LENGTHS = (1, 2, 3, 4, 5)
"""Sentences of a context, as in section 2 of arXiv 2305.16635 v4."""
LAYERS = ("middle", "last")


class ProbeSettings(Settings):
    """One run of the probe."""

    teacher: str = Field("embedded:smollm2-135m", description="a model reference; continues texts")
    critic: str = Field("embedded:critic", description="a model reference; judges pairs")
    documents: int = Field(20, ge=2, description="texts whose first sentences are the contexts")
    samples: int = Field(
        10, ge=2, description="next sentences of each context at each temperature (paper: 100)"
    )
    pairs: int = Field(
        20, ge=1, description="of distinct sentences judged for each context and temperature"
    )
    temperatures: tuple[float, ...] = Field(
        (0.3, 0.7, 1.0), min_length=2, description="of the next sentences, ascending"
    )
    top_p: float = Field(0.9, gt=0, le=1, description="of all sampling")
    max_new_tokens: int = Field(48, ge=1, description="of a next sentence")
    seed: int = Field(0, ge=0, description="of all chance")
    replicates: int = Field(2000, ge=1, description="of the bootstrap over documents")

    @model_validator(mode="after")
    def _ascending(self) -> ProbeSettings:
        if list(self.temperatures) != sorted(set(self.temperatures)):
            raise ValueError("temperatures must be ascending, such as 0.3,0.7,1.0")
        if not all(0 < one <= 5 for one in self.temperatures):
            raise ValueError("a temperature lies above 0 and at most at 5")
        return self
