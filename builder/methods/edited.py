"""What methods share that change earlier sentences: the teacher has the last word on a change."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from pydantic import Field

from builder.methods.base import Draw, Method, MethodSettings, Request

Judged = tuple[str, str, str | None]
"""A sentence, what it was changed into, and why it should not have been."""


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


def make_editing_method(
    name: str,
    settings: type[EditedSettings],
    change_all: Callable[[Sequence[str]], Sequence[Sequence[str]]],
    reasons: tuple[str, str],
    version: int = 1,
) -> Method:
    """A method that changes earlier sentences and keeps what the teacher finds likely.

    Args:
        name: as in `Method`.
        settings: of the method.
        change_all: from sentences to what each may become.
        reasons: why a change goes that is too unlikely, and one beyond the `most` of its context.
        version: as in `Method`.
    """

    def draw(settings: EditedSettings, request: Request) -> list[Draw]:
        return keep_likely(settings, request, change_all, reasons)

    return Method(
        name, settings, draw, describe=describe_edits, needs_earlier=True, version=version
    )


def keep_likely(
    settings: EditedSettings,
    request: Request,
    change_all: Callable[[Sequence[str]], Sequence[Sequence[str]]],
    reasons: tuple[str, str],
) -> list[Draw]:
    """The changes of each context, of the likeliest sentence first, with reasons against some.

    Arguments as in `make_editing_method`.
    """
    from builder.decoding.forward import CausalForward
    from builder.decoding.likelihood import score_sentences

    forward = CausalForward(request.loaded.model)
    changed = iter(change_all([text for texts in request.earlier for text in texts]))
    edits = [[(was, now) for was in texts for now in next(changed)] for texts in request.earlier]

    def score(texts: Sequence[Sequence[str]]) -> list[dict[str, tuple[float, int]]]:
        found = score_sentences(forward, request.loaded.tokenizer, request.prompts, texts)
        request.tick(sum(tokens for scores in found for _, tokens in scores.values()))
        return found

    before = score([[was for was, _ in of] for of in edits])
    # What an unlikely sentence becomes is not asked for.
    judged = [
        [(was, now, _refuse(settings, scores.get(was), reasons)) for was, now in of]
        for of, scores in zip(edits, before, strict=True)
    ]
    after = score([[now for _, now, reason in of if reason is None] for of in judged])
    draws: list[Draw] = []
    for context, of in enumerate(judged):
        draws += _choose(settings, context, of, before[context], after[context], reasons)
    return draws


def _mean(score: tuple[float, int]) -> float:
    """Log-probability a token."""
    logprob, tokens = score
    return logprob / tokens


def _refuse(
    settings: EditedSettings, score: tuple[float, int] | None, reasons: tuple[str, str]
) -> str | None:
    """Why a sentence of this score is not changed; None where it is."""
    if score is None:
        return "prompt_unusable"
    return reasons[0] if _mean(score) < settings.least else None


def _choose(
    settings: EditedSettings,
    context: int,
    judged: Sequence[Judged],
    before: Mapping[str, tuple[float, int]],
    after: Mapping[str, tuple[float, int]],
    reasons: tuple[str, str],
) -> list[Draw]:
    """The changes of one context, by what its sentences score before and after."""
    unlikely, enough = reasons
    means = {text: _mean(score) for text, score in before.items()}
    found: dict[str, str | None] = {}
    for was, now, reason in sorted(judged, key=lambda edit: -means.get(edit[0], -math.inf)):
        if reason is None:
            if now not in after:
                reason = "prompt_unusable"
            elif means[was] - _mean(after[now]) > settings.loss:
                reason = unlikely
            elif [*found.values()].count(None) >= settings.most:
                reason = enough
        found.setdefault(now, reason)
    return [
        Draw(context, text, *after.get(text, (0.0, 0)), reason=reason)
        for text, reason in found.items()
    ]
