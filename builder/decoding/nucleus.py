"""Nucleus sampling of many continuations of many contexts at once.

A context runs once and its keys and values are copied into a row for each sample. Rows are
decoded together, one token a step; when one has ended its sentence, the next sample
waiting takes its row, so the batch stays full until the work runs out, and shrinks then.

Every sample has a random stream of its own, so what it says depends on the seed, its prompt and
its two ordinals, and not on what was decoded together with it (up to the rounding of matrix
products of another shape, and for a model in bfloat16 that rounding is coarse).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from builder.decoding.batch import Batch
from builder.decoding.continuation import Rules, Sample
from builder.decoding.filters import BannedStrings, find_end_tokens, find_marks
from builder.decoding.forward import CausalForward
from builder.decoding.prompts import refuse_too_long
from builder.decoding.settings import SamplingConfig
from builder.errors import ConfigError, NoMemory
from dimsum.memory import give_back, is_out_of_memory

__all__ = ["NucleusSampler", "Sample", "SamplingConfig"]


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
        self._rules = Rules(
            config,
            tokenizer,
            BannedStrings(tokenizer, config.banned),
            find_end_tokens(model, tokenizer),
            None if config.endings is None else torch.tensor(find_marks(tokenizer)),
        )

    def sample(
        self,
        prompts: Sequence[str],
        samples: int,
        *,
        seed: int,
        on_tokens: Callable[[int], None] | None = None,
    ) -> list[Sample]:
        """Sample `samples` continuations of every prompt.

        Args:
            prompts: contexts; an empty one needs a model with a beginning-of-text token.

        The rest is as in `continued`.
        """
        ids = [self._encode(ordinal, prompt) for ordinal, prompt in enumerate(prompts)]
        return self.continued(ids, samples, seed=seed, on_tokens=on_tokens)

    @torch.inference_mode()
    def continued(
        self,
        ids: Sequence[Sequence[int]],
        samples: int,
        *,
        seed: int,
        on_tokens: Callable[[int], None] | None = None,
    ) -> list[Sample]:
        """Sample `samples` continuations of every row of tokens.

        When memory runs out, the rows decoded together are halved for good and what was
        unfinished begins anew, with the same random streams.

        Args:
            ids: tokens of each prompt, at least one.
            samples: continuations of each.
            seed: of all randomness.
            on_tokens: called, step by step, with how many tokens were decoded.

        Returns:
            Ordered by (prompt, index).

        Raises:
            ConfigError: a prompt that is empty or too long for the model.
            NoMemory: not enough memory for a single row.
        """
        for ordinal, one in enumerate(ids):
            self._check(ordinal, one)
        # Neighbours of like length waste the fewest columns; longest first, so that memory
        # runs out at once or not at all.
        order = sorted(range(len(ids)), key=lambda one: -len(ids[one]))
        done: dict[tuple[int, int], Sample] = {}
        while True:
            left = {p: [i for i in range(samples) if (p, i) not in done] for p in order}
            waiting = {prompt: indices for prompt, indices in left.items() if indices}
            if not waiting:
                return [done[key] for key in sorted(done)]
            try:
                Batch(
                    self.forward, self._rules, self.rows, ids, waiting, seed, done, on_tokens
                ).run()
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                if self.rows == 1:
                    raise NoMemory(
                        "not enough memory to decode a single continuation",
                        hint="use a smaller model, shorter contexts or fewer max_new_tokens",
                    ) from error
                self.rows = max(1, self.rows // 2)
            give_back(self.forward.device)

    def _encode(self, ordinal: int, prompt: str) -> list[int]:
        begin = self.tokenizer.bos_token_id
        ids: list[int] = list(
            self.tokenizer.encode(prompt, add_special_tokens=self._bos is not False)
        )
        if begin is not None and (not ids or (self._bos and ids[0] != begin)):
            ids.insert(0, begin)
        return ids

    def _check(self, ordinal: int, ids: Sequence[int]) -> None:
        """Refuse a prompt that cannot be continued."""
        if not ids:
            raise ConfigError(
                f"prompt {ordinal} is empty and the model has no beginning-of-text token",
                hint="give every context at least one word",
            )
        refuse_too_long(ordinal, ids, self.forward.positions, self.config.max_new_tokens)
