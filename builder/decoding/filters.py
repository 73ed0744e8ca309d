"""What may not be sampled next: repeated n-grams and banned strings.

Both answer one question, which token ids are forbidden given the ids so far, and leave it to
the caller to write minus infinity there before the softmax.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

from builder.decoding.sentence_end import SENTENCE_MARKS


class NgramHistory:
    """The n-grams of one sequence, so that none is produced twice.

    The rule of transformers' NoRepeatNGramLogitsProcessor (prompt included), updated
    token by token instead of rebuilt at every step.

    Args:
        size: n; at least 1. With 1 no token may come twice.
        ids: the sequence so far, the prompt.
    """

    __slots__ = ("_context", "_followers", "_shared", "size")

    def __init__(self, size: int, ids: Iterable[int] = ()) -> None:
        if size < 1:
            raise ValueError(f"an n-gram has at least one token, not {size}")
        self.size = size
        self._context: tuple[int, ...] = ()
        self._followers: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._shared: dict[tuple[int, ...], tuple[int, ...]] = {}
        for token in ids:
            self.append(token)

    def append(self, token: int) -> None:
        """Take in the next token of the sequence."""
        context = self._context
        if len(context) == self.size - 1:
            own = self._followers.get(context, ())
            self._followers[context] = (*own, token)
        self._context = (*context, token)[-(self.size - 1) :] if self.size > 1 else ()

    def blocked(self) -> tuple[int, ...]:
        """The ids that would complete an n-gram the sequence already holds."""
        context = self._context
        if len(context) < self.size - 1:
            return ()
        return self._shared.get(context, ()) + self._followers.get(context, ())

    def fork(self) -> NgramHistory:
        """A copy that goes its own way; what the history held at the first fork is shared."""
        if not self._shared:
            self._shared, self._followers = self._followers, {}
        copy = NgramHistory(self.size)
        copy._context = self._context
        copy._shared = self._shared
        copy._followers = dict(self._followers)
        return copy


class BannedStrings:
    r"""Strings that are never produced, as token ids of one tokenizer.

    For each string:

    - without a letter or digit ("\n", "<", "...", a block glyph): every vocabulary token whose
      own text contains it is banned, so "\n" also bans "\n\n" and ".\n";
    - with a letter or digit ("who", "<unk>"): only the tokens that spell exactly it, alone or
      after one space, so that " who" does not ban " whole"; a special token of that name too;
    - where the tokenizer spells it, alone or after a space, with several tokens: the last of
      them is banned wherever the sequence ends in the others. Another way of cutting the same
      string into tokens is not caught.

    Args:
        tokenizer: of transformers.
        strings: none of them empty.

    Attributes:
        ids: int64 [banned], ascending: banned at every step.
    """

    def __init__(self, tokenizer: Any, strings: Sequence[str]) -> None:
        ids: set[int] = set()
        self._sequences: list[tuple[tuple[int, ...], int]] = []
        signs = [text for text in strings if not any(c.isalnum() for c in text)]
        if signs:
            vocabulary = range(len(tokenizer))
            texts = tokenizer.batch_decode(
                [[token] for token in vocabulary], clean_up_tokenization_spaces=False
            )
            ids.update(i for i, text in enumerate(texts) if any(sign in text for sign in signs))
        special = tokenizer.get_added_vocab()
        unknown = tokenizer.unk_token_id
        for text in strings:
            if text in special:
                ids.add(special[text])
            for spelt in (text, " " + text):
                tokens = tokenizer.encode(spelt, add_special_tokens=False)
                if not tokens or (unknown in tokens and text != tokenizer.unk_token):
                    continue
                if len(tokens) == 1:
                    ids.add(tokens[0])
                elif tokens[-1] not in ids:
                    self._sequences.append((tuple(tokens[:-1]), tokens[-1]))
        self.ids = torch.tensor(sorted(ids), dtype=torch.int64)
        self._longest = max((len(before) for before, _ in self._sequences), default=0)

    def blocked(self, ids: Sequence[int]) -> list[int]:
        """The ids, beyond `self.ids`, that would complete a banned string after `ids`."""
        if not self._sequences:
            return []
        tail = tuple(ids[-self._longest :])
        return [last for before, last in self._sequences if tail[-len(before) :] == before]

    @property
    def spans_tokens(self) -> bool:
        """Whether any string takes several tokens, so that `blocked` is worth asking."""
        return bool(self._sequences)


def find_marks(tokenizer: Any) -> tuple[int, ...]:
    """The ids of single sentence marks that follow a word without a space."""
    names = [mark + end for mark in SENTENCE_MARKS for end in ("", "</w>")]
    found = tokenizer.convert_tokens_to_ids(names)
    return tuple(sorted({one for one in found if one not in (None, tokenizer.unk_token_id)}))


def find_end_tokens(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Every id that ends a text for this model, ascending; empty for a model without one (CTRL).

    The union of what the generation configuration, the model's configuration and the tokenizer
    name, since instruction-tuned models name more than one.
    """
    named: set[int] = set()
    configured = getattr(model, "generation_config", None)
    for owner in (configured, model.config, tokenizer):
        value = getattr(owner, "eos_token_id", None)
        if isinstance(value, int):
            named.add(value)
        elif value is not None:
            named.update(int(token) for token in value)
    return tuple(sorted(named))
