"""One continuation as it grows, token by token, and when it has ended."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from builder.decoding.filters import BannedStrings, NgramHistory
from builder.decoding.prompts import decode_after
from builder.decoding.sentence_end import (
    SENTENCE_MARKS,
    can_end_after,
    find_line_end,
    find_sentence_end,
    is_undecided,
)
from builder.decoding.settings import SamplingConfig

_BEHIND_WORDS = frozenset({" ", ",", ";"})
"""What begins a token that is no further part of the word before it."""
Finish = Literal["sentence", "line", "eos", "length"]


@dataclass(frozen=True, slots=True)
class Ending:
    """The beginning of a sample as a sentence that the model would have ended there.

    Attributes:
        text: with the mark that ends it.
        logprob: sum of its tokens' log-probabilities, the mark's included, as a sample's.
        tokens: the number of them.
    """

    text: str
    logprob: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One continuation.

    Attributes:
        prompt: the ordinal of its prompt.
        index: its ordinal among the samples of that prompt.
        text: what follows the prompt, a leading space included; for finish "sentence" or "line"
            it ends with that.
        tokens: ids that spell the text: neither the end-of-text token nor what was decoded after
            the sentence or line is among them.
        logprob: sum of those tokens' log-probabilities under the model at temperature 1, no
            token masked, in nats.
        finish: "sentence" or "line", whichever was to end it, "eos" at the end-of-text token,
            "length" at max_new_tokens (or where the masks left no token to sample).
        endings: its beginnings that would have been sentences, where they were asked for.
    """

    prompt: int
    index: int
    text: str
    tokens: tuple[int, ...]
    logprob: float
    finish: Finish
    endings: tuple[Ending, ...] = ()


@dataclass(slots=True)
class Rules:
    """What holds for every continuation of a sampler.

    Attributes:
        config: how to sample.
        tokenizer: the model's.
        banned: what is never produced.
        ends: the ids that end a text.
        marks: int64, the ids that are a sentence mark and nothing else; None where endings are
            not asked for.
    """

    config: SamplingConfig
    tokenizer: Any
    banned: BannedStrings
    ends: tuple[int, ...]
    marks: torch.Tensor | None = None
    _marks: dict[int, bool] = field(default_factory=dict)

    def has_mark(self, token: int) -> bool:
        """Whether a token's text holds anything that might end the sentence or line."""
        known = self._marks.get(token)
        if known is None:
            text = self.tokenizer.decode([token])
            marks = "\n" if self.config.stop == "line" else SENTENCE_MARKS + "\n"
            known = self._marks[token] = any(c in text for c in marks)
        return known

    def decode(self, prompt: Sequence[int], tokens: Sequence[int]) -> str:
        """What `tokens` add to the prompt's text."""
        return decode_after(self.tokenizer, prompt, tokens)


class Continuation:
    """A sample under way.

    Its random numbers come from a counter-based stream of its own, so they do not depend on
    which others are decoded, or when.

    Args:
        rules: of the sampler.
        prompt, index: the sample's two ordinals.
        ids: the prompt's tokens.
        seed: of the run.
    """

    __slots__ = (
        "_endings",
        "_history",
        "_logprobs",
        "_pending",
        "_uniforms",
        "ids",
        "index",
        "prompt",
        "rules",
        "tokens",
    )

    def __init__(
        self,
        rules: Rules,
        prompt: int,
        index: int,
        ids: Sequence[int],
        seed: int,
        history: NgramHistory | None,
    ) -> None:
        self.rules = rules
        self.prompt = prompt
        self.index = index
        self.ids = ids
        self.tokens: list[int] = []
        self._logprobs: list[float] = []
        self._endings: list[tuple[int, int, float]] = []
        self._history = history
        self._pending = False
        stream = np.random.Philox(key=seed % 2**128, counter=[0, 0, index, prompt])
        self._uniforms: NDArray[np.float64] = np.random.Generator(stream).random(
            rules.config.max_new_tokens
        )

    @property
    def uniform(self) -> float:
        """The random number that the next token is drawn with."""
        return float(self._uniforms[len(self.tokens)])

    def blocked(self) -> Sequence[int]:
        """Ids that may not come next, beyond those banned everywhere."""
        blocked = self._history.blocked() if self._history else ()
        if len(self.tokens) < self.rules.config.min_new_tokens:
            blocked = (*blocked, *self.rules.ends)
        if self.rules.banned.spans_tokens:
            blocked = (*blocked, *self.rules.banned.blocked([*self.ids, *self.tokens]))
        return blocked

    def note(self, mark: int, logprob: float) -> None:
        """Remember that the text so far might end here, with this mark and log-probability."""
        wanted = self.rules.config.endings
        if wanted is not None and self.tokens and logprob >= math.log(wanted):
            self._endings.append((len(self.tokens), mark, logprob))

    def take(self, token: int, logprob: float) -> Sample | None:
        """Add a token (-1: none was left to draw); the sample, if it ends there."""
        if token < 0:
            return self._end("length")
        if token in self.rules.ends:
            return self._end("eos")
        self.tokens.append(token)
        self._logprobs.append(logprob)
        if self._history is not None:
            self._history.append(token)
        stop = self.rules.config.stop
        if stop != "length":
            self._pending = self._pending or self.rules.has_mark(token)
            if self._pending:
                text = self.rules.decode(self.ids, self.tokens)
                end = find_line_end(text) if stop == "line" else find_sentence_end(text)
                if end is not None:
                    return self._cut(text, end, stop)
                self._pending = stop == "sentence" and is_undecided(text)
        if len(self.tokens) == self.rules.config.max_new_tokens:
            return self._end("length")
        return None

    def _end(self, finish: Finish) -> Sample:
        text = self.rules.decode(self.ids, self.tokens)
        return self._make_sample(text, len(self.tokens), finish)

    def _cut(self, text: str, end: int, finish: Finish) -> Sample:
        """The sample whose text is text[:end]; its tokens are those it takes to spell it."""
        many = len(self.tokens)
        while many > 1 and len(self.rules.decode(self.ids, self.tokens[: many - 1])) >= end:
            many -= 1
        return self._make_sample(text[:end], many, finish)

    def _make_sample(self, text: str, many: int, finish: Finish) -> Sample:
        tokens, logprob = tuple(self.tokens[:many]), sum(self._logprobs[:many])
        found = tuple(self._find_endings(many)) if self._endings else ()
        return Sample(self.prompt, self.index, text, tokens, logprob, finish, found)

    def _find_endings(self, many: int) -> Iterator[Ending]:
        """Beginnings of the sample's text that end with a whole word and may be sentences."""
        for length, mark, logprob in self._endings:
            if length + 1 >= many:
                continue
            text = self.rules.decode(self.ids, self.tokens[:length])
            longer = self.rules.decode(self.ids, self.tokens[: length + 1])
            is_apart = (
                longer.startswith(text) and longer[len(text) : len(text) + 1] in _BEHIND_WORDS
            )
            if is_apart and can_end_after(text):
                ended = text + self.rules.tokenizer.decode([mark])
                yield Ending(ended, sum(self._logprobs[:length]) + logprob, length + 1)
