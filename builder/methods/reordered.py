"""reordered: earlier sentences with a part moved to their other end, where the teacher agrees.

A small teacher seldom says one thing twice in other words, so pairs of its samples are seldom
paraphrases. Its own sentence in another order is one wherever the moved part may stand at either
end (`builder/reordering.py`) and the sentence makes sense, of which the teacher's probability of it
says something: two readers called 73% of such pairs valid, and 82% of those whose sentence has -1.5
nats a token or more (docs/validity.md). It is decoding under constraints (NeuroLogic,
arXiv 2010.12884) with every word demanded and only the order free.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from builder.methods.base import Draw, Method, MethodSettings, Request
from builder.reordering import Reordering, reorder_all

if TYPE_CHECKING:
    from builder.decoding.forward import CausalForward


class ReorderedSettings(MethodSettings):
    """The sentences of the methods before, in another order.

    It takes no share of the samples: what it finds comes beside them.
    """

    kind: Literal["reordered"] = "reordered"
    share: float = Field(0.0, ge=0, le=0, description="none")
    least: float = Field(
        -1.5, description="mean log-probability a token of a sentence that is moved, in nats"
    )
    loss: float = Field(1.5, description="most of it that the move may cost")
    most: int = Field(4, ge=1, description="sentences of a context, from the likeliest ones")


def draw(settings: ReorderedSettings, request: Request) -> list[Draw]:
    """Other orders of the earlier sentences of every context, of the likeliest sentence first."""
    from builder.decoding.forward import CausalForward

    forward = CausalForward(request.loaded.model)
    orders = iter(reorder_all([text for texts in request.earlier for text in texts]))
    draws: list[Draw] = []
    for context, texts in enumerate(request.earlier):
        moves = [(text, other) for text in texts for other in next(orders)]
        draws += _choose(settings, request, forward, context, moves)
    return draws


def _choose(
    settings: ReorderedSettings,
    request: Request,
    forward: CausalForward,
    context: int,
    moves: Sequence[tuple[str, Reordering]],
) -> list[Draw]:
    """The moves of one context that are kept, and reasons for the others."""
    from builder.decoding.likelihood import score_sentences

    texts = list(dict.fromkeys(text for was, now in moves for text in (was, now.text)))
    prompt = request.prompts[context]
    likely = score_sentences(forward, request.loaded.tokenizer, prompt, texts)
    request.tick(sum(tokens for _, tokens in likely.values()))
    means = {text: logprob / tokens for text, (logprob, tokens) in likely.items()}
    reasons: dict[str, str | None] = {}
    for was, now in sorted(moves, key=lambda move: -means.get(move[0], -math.inf)):
        if was not in likely or now.text not in likely:
            reason: str | None = "prompt_unusable"
        elif means[was] < settings.least or means[was] - means[now.text] > settings.loss:
            reason = "unlikely_order"
        else:
            reason = None if [*reasons.values()].count(None) < settings.most else "enough_orders"
        reasons.setdefault(now.text, reason)
    return [
        Draw(context, text, *likely.get(text, (0.0, 0)), reason=reason)
        for text, reason in reasons.items()
    ]


METHOD = Method(
    name="reordered",
    settings=ReorderedSettings,
    draw=draw,
    describe=lambda s: f"from {s.least:g} nats a token, at most {s.loss:g} lost",
    needs_earlier=True,
)
