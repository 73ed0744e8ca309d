"""What methods share that change earlier sentences: the teacher has the last word on a change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from builder.methods.base import Draw, MethodSettings, Request

if TYPE_CHECKING:
    from builder.decoding.forward import CausalForward

Edit = tuple[str, str]
"""A sentence, and what it was changed into."""


class EditedSettings(MethodSettings):
    """Sentences of the methods before, changed where the teacher agrees.

    Such a method takes no share of the samples: what it finds comes beside them.
    """

    share: float = Field(0.0, ge=0, le=0, description="none")
    least: float = Field(
        -1.5, description="mean log-probability a token of a sentence that is changed, in nats"
    )
    loss: float = Field(1.5, description="most of it that the change may cost")
    most: int = Field(4, ge=1, description="sentences of a context, from the likeliest ones")


def describe_edits(settings: EditedSettings) -> str:
    """How a change is allowed, for the card."""
    return f"from {settings.least:g} nats a token, at most {settings.loss:g} lost"


def keep_likely(
    settings: EditedSettings,
    request: Request,
    edits: Sequence[Sequence[Edit]],
    reasons: tuple[str, str],
) -> list[Draw]:
    """The changes of each context, of the likeliest sentence first, with reasons against some.

    Args:
        edits: of each context of the request.
        reasons: why a change goes that is too unlikely, and one beyond the `most` of its context.
    """
    from builder.decoding.forward import CausalForward

    forward = CausalForward(request.loaded.model)
    draws: list[Draw] = []
    for context, some in enumerate(edits):
        draws += _choose(settings, request, forward, context, some, reasons)
    return draws


def _choose(
    settings: EditedSettings,
    request: Request,
    forward: CausalForward,
    context: int,
    edits: Sequence[Edit],
    reasons: tuple[str, str],
) -> list[Draw]:
    from builder.decoding.likelihood import score_sentences

    unlikely, enough = reasons
    texts = list(dict.fromkeys(text for edit in edits for text in edit))
    prompt = request.prompts[context]
    likely = score_sentences(forward, request.loaded.tokenizer, prompt, texts)
    request.tick(sum(tokens for _, tokens in likely.values()))
    means = {text: logprob / tokens for text, (logprob, tokens) in likely.items()}
    found: dict[str, str | None] = {}
    for was, now in sorted(edits, key=lambda edit: -means.get(edit[0], -math.inf)):
        if was not in likely or now not in likely:
            reason: str | None = "prompt_unusable"
        elif means[was] < settings.least or means[was] - means[now] > settings.loss:
            reason = unlikely
        else:
            reason = None if [*found.values()].count(None) < settings.most else enough
        found.setdefault(now, reason)
    return [
        Draw(context, text, *likely.get(text, (0.0, 0)), reason=reason)
        for text, reason in found.items()
    ]
