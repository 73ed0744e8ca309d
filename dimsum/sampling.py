"""How text is sampled: the settings that teachers and students share.

Each field is declared here once, with its bounds; who samples otherwise says only another default.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dimsum.settings import Settings

Temperature = Annotated[
    float,
    Field(gt=0, allow_inf_nan=False, description="divides the logits before the nucleus is taken"),
]
TopP = Annotated[
    float,
    Field(gt=0, le=1, description="mass of the nucleus, the smallest set of likeliest tokens"),
]
MaxNewTokens = Annotated[int, Field(ge=1, description="of one text")]
NoRepeatNgram = Annotated[
    int, Field(ge=0, description="no n-gram of this size comes twice; 0: off")
]


class Sampling(Settings):
    """Nucleus sampling (Holtzman et al. 2020); the numbers are those of arXiv 2305.16635."""

    temperature: Temperature = 0.7
    top_p: TopP = 0.9
    max_new_tokens: MaxNewTokens = 100
    no_repeat_ngram: NoRepeatNgram = 0
