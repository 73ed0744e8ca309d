"""Nucleus sampling of many continuations of many contexts at once.

A context runs once and its keys and values are copied into a row for each sample. Rows are
decoded together, one token a step; a row that has ended its sentence gives its place to the
next sample waiting, so the batch stays full until the work runs out, and shrinks then.

Every sample has a random stream of its own, so what it says depends on the seed, its prompt and
its two ordinals, and not on what was decoded beside it (up to the rounding of matrix products
of another shape, and for a model in bfloat16 that rounding is coarse).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from builder.decoding.cache import Prefix, RowCache
from builder.decoding.draw import Drawn, draw
from builder.decoding.filters import BannedStrings, NgramHistory, end_tokens
from builder.decoding.forward import CausalForward
from builder.decoding.sentence_end import SENTENCE_MARKS, first_sentence_end, undecided
from builder.decoding.settings import SamplingConfig
from builder.errors import BuilderError, ConfigError

__all__ = ["NucleusSampler", "Sample", "SamplingConfig"]

Finish = Literal["sentence", "eos", "length"]

_ANCHOR_TOKENS = 4
_PREFILL_TOKENS_PER_ROW = 16
_SPARE_COLUMNS = 32
_IDLE_SHARE = 16


@dataclass(frozen=True, slots=True)
class Sample:
    """One continuation.

    Attributes:
        prompt: the ordinal of its prompt.
        index: its ordinal among the samples of that prompt.
        text: what follows the prompt, a leading space included; for finish "sentence" it ends
            with the sentence.
        tokens: how many tokens spell the text: neither the end-of-text token nor what was
            decoded after the sentence counts.
        logprob: sum of those tokens' log-probabilities under the model at temperature 1, no
            token masked, in nats.
        finish: "sentence", "eos" at the end-of-text token, "length" at max_new_tokens (or where
            the masks left no token to sample).
    """

    prompt: int
    index: int
    text: str
    tokens: int
    logprob: float
    finish: Finish


@dataclass(slots=True)
class _Row:
    """A continuation under way."""

    prompt: int
    index: int
    start: int
    uniforms: NDArray[np.float64]
    history: NgramHistory | None
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    pending: bool = False


class NucleusSampler:
    """Samples continuations from a decoder-only model.

    Args:
        model: of transformers; set to evaluation mode.
        tokenizer: the model's.
        config: how to sample.
        bos: whether a prompt begins with the tokenizer's beginning-of-text token. None leaves it
            to the tokenizer (Llama and BioGPT put one, GPT-2 and CTRL do not), True puts it where
            the tokenizer did not, False asks the tokenizer for no special token. An empty prompt
            always becomes that token alone.

    Raises:
        ConfigError: an encoder-decoder model.
        BuilderError: a model whose forward takes no key/value cache.
    """

    def __init__(
        self, model: Any, tokenizer: Any, config: SamplingConfig, *, bos: bool | None = None
    ) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.forward = CausalForward(model)
        self.rows = config.max_rows
        self._bos = bos
        self._ends = end_tokens(model, tokenizer)
        self._banned = BannedStrings(tokenizer, config.banned)
        self._marks: dict[int, bool] = {}

    @torch.inference_mode()
    def sample(
        self,
        prompts: Sequence[str],
        samples: int,
        *,
        seed: int,
        on_tokens: Callable[[int], None] | None = None,
    ) -> list[Sample]:
        """Sample `samples` continuations of every prompt.

        When memory runs out, the rows decoded together are halved for good and what was
        unfinished begins anew, with the same random streams.

        Args:
            prompts: contexts; an empty one needs a model with a beginning-of-text token.
            samples: continuations of each.
            seed: of all randomness.
            on_tokens: told, step by step, how many tokens were decoded.

        Returns:
            Ordered by (prompt, index).

        Raises:
            ConfigError: a prompt that is empty or too long for the model.
            BuilderError: not enough memory for a single row.
        """
        ids = [self._encode(ordinal, prompt) for ordinal, prompt in enumerate(prompts)]
        # Neighbours of like length waste the fewest columns; longest first, so that memory
        # runs out at once or not at all.
        order = sorted(range(len(ids)), key=lambda one: -len(ids[one]))
        done: dict[tuple[int, int], Sample] = {}
        while True:
            waiting = [
                (prompt, index)
                for prompt in order
                for index in range(samples)
                if (prompt, index) not in done
            ]
            if not waiting:
                return [done[key] for key in sorted(done)]
            try:
                _Batch(self, ids, waiting, seed, done, on_tokens).run()
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not _out_of_memory(error):
                    raise
                if self.rows == 1:
                    raise BuilderError(
                        "not enough memory to decode a single continuation",
                        hint="use a smaller model, shorter contexts or fewer max_new_tokens",
                    ) from error
                self.rows = max(1, self.rows // 2)
            if self.forward.device.type == "cuda":
                torch.cuda.empty_cache()

    def _encode(self, ordinal: int, prompt: str) -> list[int]:
        begin = self.tokenizer.bos_token_id
        ids: list[int] = list(
            self.tokenizer.encode(prompt, add_special_tokens=self._bos is not False)
        )
        if begin is not None and (not ids or (self._bos and ids[0] != begin)):
            ids.insert(0, begin)
        if not ids:
            raise ConfigError(
                f"prompt {ordinal} is empty and the model has no beginning-of-text token",
                hint="give every context at least one word",
            )
        positions = self.forward.positions
        room = None if positions is None else positions - self.config.max_new_tokens
        if room is not None and len(ids) > room:
            raise ConfigError(
                f"prompt {ordinal} has {len(ids)} tokens, and the model's {positions} positions "
                f"leave {max(room, 0)} beside max_new_tokens {self.config.max_new_tokens}",
                hint="shorten the context or lower max_new_tokens",
            )
        return ids

    def _has_mark(self, token: int) -> bool:
        known = self._marks.get(token)
        if known is None:
            text = self.tokenizer.decode([token])
            known = self._marks[token] = any(c in text for c in SENTENCE_MARKS + "\n")
        return known

    def _text(self, prompt: list[int], tokens: list[int]) -> str:
        """What `tokens` add to the prompt's text.

        Decoded after the prompt's last tokens, because many tokenizers drop the leading space
        of what they decode.
        """
        anchor = prompt[-_ANCHOR_TOKENS:]
        options = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
        before: str = self.tokenizer.decode(anchor, **options)
        whole: str = self.tokenizer.decode(anchor + tokens, **options)
        if whole.startswith(before):
            return whole[len(before) :]
        text: str = self.tokenizer.decode(tokens, **options)
        return text


class _Batch:
    """The rows decoded together, from the first waiting sample to the last."""

    def __init__(
        self,
        sampler: NucleusSampler,
        ids: list[list[int]],
        waiting: list[tuple[int, int]],
        seed: int,
        done: dict[tuple[int, int], Sample],
        on_tokens: Callable[[int], None] | None,
    ) -> None:
        self.sampler = sampler
        self.config = sampler.config
        self.ids = ids
        self.waiting = deque(waiting)
        self.seed = seed
        self.done = done
        self.on_tokens = on_tokens
        self.limit = min(sampler.rows, len(waiting))
        self.rows: list[_Row | None] = []
        self.prefix: Prefix | None = None
        self.prefix_of: dict[int, int] = {}
        self.cache: RowCache | None = None

    def run(self) -> None:
        """Decode until nothing waits and no row is left."""
        idle_most = self.limit // _IDLE_SHARE
        while self.waiting or self.rows:
            idle = [slot for slot, row in enumerate(self.rows) if row is None]
            free = len(idle) + self.limit - len(self.rows)
            if self.waiting and (free > idle_most or len(idle) == len(self.rows)):
                self._admit(idle)
            elif not self.waiting and len(idle) > len(self.rows) // _IDLE_SHARE:
                self._close(idle)
            if any(self.rows):
                self._step()

    def _step(self) -> None:
        cache = self.cache
        assert cache is not None
        live = [row for row in self.rows if row is not None]
        if cache.now >= cache.columns:
            self._make_room(cache, live)
        tokens = torch.tensor([row.tokens[-1] if row else 0 for row in self.rows])
        positions = torch.tensor([cache.now - row.start if row else 0 for row in self.rows])
        logits = self.sampler.forward.step(cache, tokens, positions)
        cache.advance(min(row.start for row in live))
        self._record(list(range(len(self.rows))), logits)

    def _make_room(self, cache: RowCache, live: list[_Row]) -> None:
        moved = cache.shift() if cache.clock.first > cache.columns // 4 else 0
        for row in live:
            row.start -= moved
        cache.reserve(cache.now + (1 if moved else _SPARE_COLUMNS))

    def _admit(self, idle: list[int]) -> None:
        """Give free places to waiting samples whose contexts have been run."""
        self._prefill()
        prefix = self.prefix
        assert prefix is not None
        slots = idle + list(range(len(self.rows), self.limit))
        chosen: list[tuple[int, int]] = []
        while self.waiting and len(chosen) < len(slots) and self.waiting[0][0] in self.prefix_of:
            chosen.append(self.waiting.popleft())
        slots = slots[: len(chosen)]
        contexts = torch.tensor([self.prefix_of[prompt] for prompt, _ in chosen])
        cache = self._place(prefix, max(prefix.lengths[i] for i in contexts.tolist()))
        device = self.sampler.forward.device
        cache.load(torch.tensor(slots, device=device), prefix, contexts.to(device))
        histories: dict[int, NgramHistory] = {}
        for slot, (prompt, index) in zip(slots, chosen, strict=True):
            if slot == len(self.rows):
                self.rows.append(None)
            self.rows[slot] = self._begin(prompt, index, cache.now, histories)
        self._record(slots, prefix.logits[contexts.to(device)])

    def _prefill(self) -> None:
        """Run the next contexts, unless the next sample's has been run."""
        if self.waiting[0][0] in self.prefix_of:
            return
        self.prefix, self.prefix_of = None, {}
        budget = _PREFILL_TOKENS_PER_ROW * self.sampler.rows
        longest = len(self.ids[self.waiting[0][0]])
        for prompt, _ in self.waiting:
            if prompt not in self.prefix_of:
                many = len(self.prefix_of)
                if many == self.limit or (many and (many + 1) * longest > budget):
                    break
                self.prefix_of[prompt] = many
        self.prefix = self.sampler.forward.prefill([self.ids[p] for p in self.prefix_of])

    def _place(self, prefix: Prefix, longest: int) -> RowCache:
        """The cache, with its clock where contexts of `longest` tokens fit."""
        if self.cache is None:
            columns = longest + min(self.config.max_new_tokens, _SPARE_COLUMNS)
            self.cache = RowCache(prefix, self.limit, columns)
        if not any(self.rows):
            self.cache.start(longest)
        return self.cache

    def _begin(self, prompt: int, index: int, now: int, histories: dict[int, NgramHistory]) -> _Row:
        ids = self.ids[prompt]
        history = None
        if self.config.no_repeat_ngram:
            if prompt not in histories:
                histories[prompt] = NgramHistory(self.config.no_repeat_ngram, ids)
            history = histories[prompt].fork()
        stream = np.random.Philox(key=self.seed % 2**128, counter=[0, 0, index, prompt])
        uniforms = np.random.Generator(stream).random(self.config.max_new_tokens)
        return _Row(prompt, index, now - len(ids), uniforms, history)

    def _record(self, slots: list[int], logits: torch.Tensor) -> None:
        """Draw the next token of the rows in `slots`, and let go of those that end with it."""
        rows = [self.rows[slot] for slot in slots]
        drawn = self._draw(rows, logits)
        live = 0
        for slot, row, token, logprob in zip(
            slots, rows, drawn.tokens.tolist(), drawn.logprobs.tolist(), strict=True
        ):
            if row is None:
                continue
            live += 1
            sample = self._take(row, token, logprob)
            if sample is not None:
                self.done[row.prompt, row.index] = sample
                self.rows[slot] = None
        if self.on_tokens is not None:
            self.on_tokens(live)

    def _draw(self, rows: list[_Row | None], logits: torch.Tensor) -> Drawn:
        uniforms = np.array([row.uniforms[len(row.tokens)] if row else 0.0 for row in rows])
        return draw(
            logits,
            uniforms,
            [self._blocked(row) if row else () for row in rows],
            banned=self.sampler._banned.ids,
            temperature=self.config.temperature,
            top_p=self.config.top_p,
        )

    def _blocked(self, row: _Row) -> Sequence[int]:
        blocked = row.history.blocked() if row.history else ()
        if len(row.tokens) < self.config.min_new_tokens:
            blocked = (*blocked, *self.sampler._ends)
        if self.sampler._banned.spans_tokens:
            blocked = (*blocked, *self.sampler._banned.blocked(self.ids[row.prompt] + row.tokens))
        return blocked

    def _take(self, row: _Row, token: int, logprob: float) -> Sample | None:
        """Add a token to a row; the sample if it ends there."""
        if token < 0:
            return self._sample(row, len(row.tokens), None, "length")
        if token in self.sampler._ends:
            return self._sample(row, len(row.tokens), None, "eos")
        row.tokens.append(token)
        row.logprobs.append(logprob)
        if row.history is not None:
            row.history.append(token)
        if self.config.stop == "sentence":
            row.pending = row.pending or self.sampler._has_mark(token)
            if row.pending:
                text = self.sampler._text(self.ids[row.prompt], row.tokens)
                end = first_sentence_end(text)
                if end is not None:
                    return self._sample(row, self._spelling(row, end), text[:end], "sentence")
                row.pending = undecided(text)
        if len(row.tokens) == self.config.max_new_tokens:
            return self._sample(row, len(row.tokens), None, "length")
        return None

    def _spelling(self, row: _Row, end: int) -> int:
        """How many of a row's tokens it takes to spell the first `end` characters."""
        many = len(row.tokens)
        prompt = self.ids[row.prompt]
        while many > 1 and len(self.sampler._text(prompt, row.tokens[: many - 1])) >= end:
            many -= 1
        return many

    def _sample(self, row: _Row, tokens: int, text: str | None, finish: Finish) -> Sample:
        if text is None:
            text = self.sampler._text(self.ids[row.prompt], row.tokens)
        logprob = float(sum(row.logprobs[:tokens]))
        return Sample(row.prompt, row.index, text, tokens, logprob, finish)

    def _close(self, idle: list[int]) -> None:
        """Move the last rows into the gaps, so that fewer are run."""
        live = [slot for slot, row in enumerate(self.rows) if row is not None]
        gaps = [slot for slot in idle if slot < len(live)]
        moved = live[len(live) - len(gaps) :]
        if gaps and self.cache is not None:
            device = self.sampler.forward.device
            self.cache.move(torch.tensor(moved, device=device), torch.tensor(gaps, device=device))
            for source, gap in zip(moved, gaps, strict=True):
                self.rows[gap] = self.rows[source]
        del self.rows[len(live) :]


def _out_of_memory(error: Exception) -> bool:
    said = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or any(
        sign in said for sign in ("not enough memory", "out of memory", "can't allocate memory")
    )
