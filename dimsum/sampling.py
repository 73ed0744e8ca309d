"""How text is sampled: the settings that teachers and students share."""

from __future__ import annotations

from pydantic import Field

from dimsum.settings import Settings


class Sampling(Settings):
    """Nucleus sampling (Holtzman et al. 2020); the numbers are those of arXiv 2305.16635."""

    temperature: float = Field(
        0.7, gt=0, allow_inf_nan=False, description="divides the logits before the nucleus is taken"
    )
    top_p: float = Field(
        0.9, gt=0, le=1, description="mass of the nucleus, the smallest set of likeliest tokens"
    )
    max_new_tokens: int = Field(100, ge=1, description="of one text")
    no_repeat_ngram: int = Field(0, ge=0, description="no n-gram of this size comes twice; 0: off")
