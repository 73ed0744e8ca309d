"""The rows decoded together: who waits, who runs, who makes room."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
import torch

from builder.decoding.cache import Prefix, RowCache
from builder.decoding.continuation import Continuation, Rules, Sample
from builder.decoding.draw import draw
from builder.decoding.filters import NgramHistory
from builder.decoding.forward import CausalForward

_PREFILL_TOKENS_PER_ROW = 16
_SPARE_COLUMNS = 32
# Filling or closing a gap copies a row in every layer, so it is done for several at once.
_IDLE_SHARE = 16


class Batch:
    """Decodes every waiting sample, at most `limit` at a time.

    Args:
        forward: the model.
        rules: of the sampler.
        limit: most rows.
        ids: tokens of each prompt.
        waiting: (prompt, index) of each sample, longest prompts first.
        seed: of the run.
        done: samples are put here as they end.
        on_tokens: told how many tokens each step decoded.
    """

    def __init__(
        self,
        forward: CausalForward,
        rules: Rules,
        limit: int,
        ids: Sequence[Sequence[int]],
        waiting: Sequence[tuple[int, int]],
        seed: int,
        done: dict[tuple[int, int], Sample],
        on_tokens: Callable[[int], None] | None,
    ) -> None:
        self.forward = forward
        self.rules = rules
        self.ids = ids
        self.waiting = deque(waiting)
        self.seed = seed
        self.done = done
        self.on_tokens = on_tokens
        self.limit = min(limit, len(waiting))
        # A row that has ended is None until its place is filled or closed.
        self.rows: list[Continuation | None] = []
        self.prefix: Prefix | None = None
        self.prefix_of: dict[int, int] = {}
        self.cache: RowCache | None = None

    def run(self) -> None:
        """Decode until nothing waits and no row is left."""
        while self.waiting or self.rows:
            idle = [place for place, row in enumerate(self.rows) if row is None]
            free = len(idle) + self.limit - len(self.rows)
            if self.waiting and (free > self.limit // _IDLE_SHARE or len(idle) == len(self.rows)):
                self._admit(idle)
            elif not self.waiting and len(idle) > len(self.rows) // _IDLE_SHARE:
                self._close(idle)
            if any(self.rows):
                self._step()

    def _step(self) -> None:
        """Decode one more token of every row."""
        cache = self.cache
        assert cache is not None
        if cache.now >= cache.columns:
            moved = cache.clock.first > cache.columns // 4
            cache.shift() if moved else cache.reserve(cache.now + _SPARE_COLUMNS)
        lengths = [len(row.ids) + len(row.tokens) if row else 1 for row in self.rows]
        tokens = torch.tensor([row.tokens[-1] if row else 0 for row in self.rows])
        logits = self.forward.step(cache, tokens, torch.tensor(lengths) - 1)
        cache.advance(cache.now + 1 - max(lengths))
        self._record(list(range(len(self.rows))), logits)

    def _record(self, places: list[int], logits: torch.Tensor) -> None:
        """Draw the next token of these rows, and let go of those that end with it."""
        rows = [self.rows[place] for place in places]
        drawn = draw(
            logits,
            np.array([row.uniform if row else 0.0 for row in rows]),
            [row.blocked() if row else () for row in rows],
            banned=self.rules.banned.ids,
            temperature=self.rules.config.temperature,
            top_p=self.rules.config.top_p,
        )
        tokens, logprobs = drawn.tokens.tolist(), drawn.logprobs.tolist()
        for place, row, token, logprob in zip(places, rows, tokens, logprobs, strict=True):
            sample = row.take(token, logprob) if row else None
            if sample is not None:
                self.done[sample.prompt, sample.index] = sample
                self.rows[place] = None
        if self.on_tokens is not None:
            self.on_tokens(sum(row is not None for row in rows))

    def _admit(self, idle: list[int]) -> None:
        """Give free places to waiting samples whose contexts have been run."""
        prefix = self._prefill()
        places = idle + list(range(len(self.rows), self.limit))
        chosen: list[tuple[int, int]] = []
        while self.waiting and len(chosen) < len(places) and self.waiting[0][0] in self.prefix_of:
            chosen.append(self.waiting.popleft())
        places = places[: len(chosen)]
        held = [self.prefix_of[prompt] for prompt, _ in chosen]
        contexts = torch.tensor(held, device=self.forward.device)
        cache = self._place(prefix, max(prefix.lengths[context] for context in held))
        cache.load(torch.tensor(places, device=self.forward.device), prefix, contexts)
        self.rows += [None] * (places[-1] + 1 - len(self.rows))
        size = self.rules.config.no_repeat_ngram
        prompts = {prompt for prompt, _ in chosen} if size else set()
        trunks = {prompt: NgramHistory(size, self.ids[prompt]) for prompt in prompts}
        for place, (prompt, index) in zip(places, chosen, strict=True):
            history = trunks[prompt].fork() if size else None
            self.rows[place] = Continuation(
                self.rules, prompt, index, self.ids[prompt], self.seed, history
            )
        self._record(places, prefix.logits[contexts])

    def _prefill(self) -> Prefix:
        """The contexts of the next samples, run now unless they have been."""
        if self.prefix is not None and self.waiting[0][0] in self.prefix_of:
            return self.prefix
        self.prefix, self.prefix_of = None, {}
        longest = len(self.ids[self.waiting[0][0]])
        most = min(self.limit, max(1, _PREFILL_TOKENS_PER_ROW * self.limit // longest))
        for prompt, _ in self.waiting:
            if prompt not in self.prefix_of:
                if len(self.prefix_of) == most:
                    break
                self.prefix_of[prompt] = len(self.prefix_of)
        self.prefix = self.forward.prefill([self.ids[prompt] for prompt in self.prefix_of])
        return self.prefix

    def _place(self, prefix: Prefix, longest: int) -> RowCache:
        """The cache, with its clock where contexts of `longest` tokens fit."""
        if self.cache is None:
            columns = longest + min(self.rules.config.max_new_tokens, _SPARE_COLUMNS)
            self.cache = RowCache(prefix, self.limit, columns)
        if not any(self.rows):
            self.cache.start(longest)
        return self.cache

    def _close(self, idle: list[int]) -> None:
        """Move the last rows into the gaps, so that fewer are run."""
        live = [place for place, row in enumerate(self.rows) if row is not None]
        gaps = [place for place in idle if place < len(live)]
        moved = live[len(live) - len(gaps) :]
        if gaps and self.cache is not None:
            device = self.forward.device
            self.cache.move(torch.tensor(moved, device=device), torch.tensor(gaps, device=device))
            for source, gap in zip(moved, gaps, strict=True):
                self.rows[gap] = self.rows[source]
        del self.rows[len(live) :]
