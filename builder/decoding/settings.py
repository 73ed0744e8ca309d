"""How a teacher is sampled. No torch here, so a configuration can hold it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class SamplingConfig(BaseModel):
    """Nucleus sampling of continuations.

    Attributes:
        temperature: divides the logits before the nucleus is taken.
        top_p: the nucleus is the smallest set of most probable tokens whose mass reaches it.
        max_new_tokens: a continuation's most tokens.
        min_new_tokens: before so many tokens the end-of-text token is masked.
        no_repeat_ngram: no n-gram of the prompt and continuation comes twice; 0 is off.
        prompt_counts: whether those of the prompt count too. They must not where the continuation
            may quote the prompt, as an extractive summary does.
        banned: strings that are never produced. One without a letter or digit, like a newline,
            bans every vocabulary token that contains it; another one bans the tokens that spell
            exactly it, alone or after a space (`builder.decoding.filters.BannedStrings`).
        stop: "sentence" ends a continuation as soon as its first sentence has certainly ended,
            "line" with the first line that says something, "length" only at the end-of-text token
            or max_new_tokens.
        max_rows: continuations decoded together; halved when memory runs out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature: float = Field(0.7, gt=0, allow_inf_nan=False)
    top_p: float = Field(0.9, gt=0, le=1)
    max_new_tokens: int = Field(100, ge=1)
    min_new_tokens: int = Field(3, ge=0)
    no_repeat_ngram: int = Field(0, ge=0)
    prompt_counts: bool = True
    banned: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = ()
    stop: Literal["sentence", "line", "length"] = "sentence"
    max_rows: int = Field(128, ge=1)
