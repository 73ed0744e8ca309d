"""How NeuroLogic searches. No torch here, so a configuration can hold it."""

from __future__ import annotations

from pydantic import Field, model_validator

from builder.decoding.settings import Text
from dimsum.sampling import MaxNewTokens, NoRepeatNgram
from dimsum.settings import Settings


class NeurologicConfig(Settings):
    """Beam search under lexical constraints (Lu et al. 2021, section 2.3).

    Attributes:
        beams: hypotheses extended at each step.
        max_new_tokens: of a hypothesis, its end included.
        min_new_tokens: a hypothesis with fewer tokens, its end included, does not end.
        no_repeat_ngram: no n-gram of the prompt and hypothesis comes twice; 0 is off. A token
            that goes on with a demanded phrase is exempt, so that a phrase out of the prompt
            can be said.
        length_penalty: the score of a finished hypothesis is log-probability / tokens ** this.
        alpha: a demanded token, or a beam's own best continuation, is a candidate only among this
            many most likely cells of beams x vocabulary; None is no bound. A demanded token
            without which the length no longer suffices for all clauses is exempt.
        beta: an unfinished hypothesis stays when it satisfies at most this many clauses fewer
            than the best one; None is no bound.
        progress_weight: lambda, in nats; a phrase under way adds this times the matched fraction.
        enders: texts of tokens that end a sentence; the model's end-of-text tokens always do.
        banned: strings that are never produced (`builder.decoding.filters.BannedStrings`).
        max_contexts: contexts decoded together; halved when memory runs out.
    """

    beams: int = Field(10, ge=1)
    max_new_tokens: MaxNewTokens = 32
    min_new_tokens: int = Field(5, ge=0)
    no_repeat_ngram: NoRepeatNgram = Field(
        3, description="no n-gram of context and sentence comes twice; 0: off"
    )
    length_penalty: float = Field(0.2, ge=0, allow_inf_nan=False)
    alpha: int | None = Field(None, ge=1)
    beta: int | None = Field(2, ge=0)
    progress_weight: float = Field(0.75, ge=0, allow_inf_nan=False)
    enders: tuple[Text, ...] = (".", "!", "?")
    banned: tuple[Text, ...] = ()
    max_contexts: int = Field(8, ge=1)

    @model_validator(mode="after")
    def _check_lengths(self) -> NeurologicConfig:
        if self.min_new_tokens > self.max_new_tokens:
            raise ValueError("min_new_tokens is above max_new_tokens")
        return self
