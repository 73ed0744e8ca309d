"""A decoder-only model, called the way decoding needs it: contexts once, then a token a row.

Only the public forward and cache interface of transformers is used: explicit position ids and
an explicit 4D mask, so left padding and rows of different age change nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache

from builder.decoding.cache import PackedCache, Prefix, align_right
from builder.errors import BuilderError, ConfigError


class CausalForward:
    """A model's two calls in decoding.

    Args:
        model: a decoder-only model of transformers with a language-modelling head; set to
            evaluation mode here, since sampling wants no dropout.

    Attributes:
        positions: the of the model's longest sequence, None where nothing bounds it.

    Raises:
        ConfigError: an encoder-decoder model, or one whose forward takes no cache.
    """

    def __init__(self, model: Any) -> None:
        name = type(model).__name__
        if getattr(model.config, "is_encoder_decoder", False):
            raise ConfigError(
                f"{name} is an encoder-decoder model", hint="decoding here needs a decoder-only one"
            )
        parameters = inspect.signature(model.forward).parameters
        if "past_key_values" not in parameters or "position_ids" not in parameters:
            raise _make_cache_error(name)
        self.model = model.eval()
        self.positions: int | None = getattr(model.config, "max_position_embeddings", None)
        window = getattr(model.config, "sliding_window", None)
        if window and getattr(model.config, "use_sliding_window", True):
            # The mask handed over says what a row sees, and it knows no sliding window; up to
            # the window's length there is no difference.
            self.positions = min(window, self.positions or window)
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in parameters else {}

    @property
    def device(self) -> torch.device:
        """Where the model's inputs go."""
        return torch.device(self.model.device)

    @torch.inference_mode()
    def prefill(self, ids: Sequence[Sequence[int]], trunk: Prefix | None = None) -> Prefix:
        """Run contexts once, together.

        Args:
            ids: the contexts' tokens, at least one each behind the trunk.
            trunk: one context that all of them begin with, which is not run again.

        Raises:
            BuilderError: the model keeps no key/value cache.
        """
        held = trunk.columns if trunk else 0
        tokens = align_right([one[held:] for one in ids]).to(self.device)
        columns = torch.arange(tokens.shape[1], device=self.device)
        first = tokens.shape[1] - torch.tensor([len(one) - held for one in ids], device=self.device)
        mask, further = None, {}
        if trunk is not None or int(first.max()):
            own = self.make_causal_mask(first, len(columns), len(columns))
            mask = torch.nn.functional.pad(own, (held, 0))
        if trunk is not None:
            further["past_key_values"] = _repeat(trunk, len(ids))
        outputs = self.model(
            input_ids=tokens,
            position_ids=held + (columns - first[:, None]).clamp(min=0),
            attention_mask=mask,
            use_cache=True,
            return_dict=True,
            **further,
            **self._last_only,
        )
        layers = getattr(getattr(outputs, "past_key_values", None), "layers", None)
        if not layers or any(getattr(layer, "keys", None) is None for layer in layers):
            raise _make_cache_error(type(self.model).__name__)
        return Prefix(
            keys=[_join(layer.keys, held, first) for layer in layers],
            values=[_join(layer.values, held, first) for layer in layers],
            lengths=[len(one) for one in ids],
            logits=outputs.logits[:, -1],
        )

    def make_causal_mask(self, first: torch.Tensor, columns: int, queries: int) -> torch.Tensor:
        """Additive [rows, 1, queries, columns]: causal, and nothing left of a row's first column.

        Args:
            first: int64 [rows].
            columns: of keys.
            queries: the last of the columns.
        """
        at = torch.arange(columns, device=self.device)
        seen = (at <= at[columns - queries :, None]) & (at >= first[:, None, None])
        hidden = torch.finfo(self.model.dtype).min
        mask = torch.zeros(seen.shape, dtype=self.model.dtype, device=self.device)
        return mask.masked_fill_(~seen, hidden)[:, None]

    @torch.inference_mode()
    def step(
        self, cache: PackedCache, tokens: torch.Tensor, positions: torch.Tensor
    ) -> torch.Tensor:
        """Run one new token of each slot of the cache's first packs.

        Args:
            cache: its first `len(tokens)` packs are run, and its `now` moves on.
            tokens: int64 [packs, slots].
            positions: int64 [packs, slots], each token's position in its own sequence.

        Returns:
            [packs, slots, vocabulary] logits in the model's dtype.
        """
        outputs = self.model(
            input_ids=tokens.to(self.device),
            position_ids=positions.to(self.device),
            attention_mask=cache.make_mask(len(tokens)),
            past_key_values=cache,
            use_cache=True,
            return_dict=True,
        )
        cache.now += tokens.shape[1]
        logits: torch.Tensor = outputs.logits
        return logits


def _repeat(trunk: Prefix, times: int) -> DynamicCache:
    """A cache in which every row holds the trunk."""
    cache = DynamicCache()
    for layer, (keys, values) in enumerate(zip(trunk.keys, trunk.values, strict=True)):
        cache.update(*(one.expand(times, -1, -1, -1) for one in (keys, values)), layer)
    return cache


def _join(held: torch.Tensor, trunk: int, first: torch.Tensor) -> torch.Tensor:
    """Keys or values without the padding between a trunk and what follows it, aligned right.

    Args:
        held: [contexts, heads, trunk + columns, head dim].
        trunk: its columns.
        first: [contexts], columns of padding behind the trunk.
    """
    if not trunk or not int(first.max()):
        return held
    columns = torch.arange(held.shape[2], device=held.device)
    moved = (columns - first[:, None]).clamp(min=0)
    source = torch.where(columns < first[:, None] + trunk, moved, columns)
    return held.gather(2, source[:, None, :, None].expand_as(held))


def _make_cache_error(name: str) -> BuilderError:
    return BuilderError(
        f"{name} keeps no key/value cache",
        hint="decoding needs a decoder-only transformer such as GPT-2, Llama, BioGPT or CTRL",
    )
