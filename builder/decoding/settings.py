"""How a teacher is sampled. No torch here, so a configuration can hold it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from dimsum.sampling import Sampling

Text = Annotated[str, StringConstraints(min_length=1)]


class TeacherSampling(Sampling):
    """Nucleus sampling from the teacher."""

    banned: tuple[Text, ...] = Field((), description="texts that are never written")


class SamplingConfig(TeacherSampling):
    """Nucleus sampling of continuations.

    Attributes:
        min_new_tokens: before so many tokens the end-of-text token is masked.
        prompt_counts: whether the n-grams of the prompt count for no_repeat_ngram. They must not
            where the continuation may quote the prompt, as an extractive summary does.
        banned: one without a letter or digit, like a newline, bans every vocabulary token that
            contains it; another one bans the tokens that spell exactly it, alone or after a space
            (`builder.decoding.filters.BannedStrings`).
        stop: "sentence" ends a continuation as soon as its first sentence has certainly ended,
            "line" with the first line that says something, "length" only at the end-of-text token
            or max_new_tokens.
        endings: of a sentence, also its beginnings that the model would have ended with at least
            this probability (a full stop, exclamation or question mark); None for none.
        max_rows: continuations decoded together; halved when memory runs out.
    """

    min_new_tokens: int = Field(3, ge=0)
    prompt_counts: bool = True
    stop: Literal["sentence", "line", "length"] = "sentence"
    endings: float | None = Field(None, gt=0, lt=1)
    max_rows: int = Field(128, ge=1)
