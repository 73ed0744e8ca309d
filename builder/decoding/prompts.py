"""Between text and tokens at a prompt's end: what fits behind it, and what was written there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from builder.errors import ConfigError

_ANCHOR_TOKENS = 4


def refuse_too_long(
    ordinal: int, ids: Sequence[int], positions: int | None, max_new_tokens: int
) -> None:
    """Refuse a prompt that leaves a model too few positions.

    Args:
        ordinal: of the prompt, for the message.
        ids: its tokens.
        positions: of the model, None where nothing bounds them.
        max_new_tokens: that have to fit behind it.

    Raises:
        ConfigError: they do not fit.
    """
    room = None if positions is None else positions - max_new_tokens
    if room is not None and len(ids) > room:
        raise ConfigError(
            f"prompt {ordinal} has {len(ids)} tokens, and the model's {positions} positions "
            f"leave {max(room, 0)} after max_new_tokens {max_new_tokens}",
            hint="shorten the context or lower max_new_tokens",
        )


def decode_after(tokenizer: Any, prompt: Sequence[int], tokens: Sequence[int]) -> str:
    """What `tokens` add to the prompt's text.

    Decoded after the prompt's last tokens, because many tokenizers drop the leading space of what
    they decode.
    """
    anchor = list(prompt[-_ANCHOR_TOKENS:])
    options = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
    before: str = tokenizer.decode(anchor, **options)
    whole: str = tokenizer.decode([*anchor, *tokens], **options)
    if whole.startswith(before):
        return whole[len(before) :]
    text: str = tokenizer.decode(list(tokens), **options)
    return text
