"""quoted: the sentences of the context itself, for tasks whose source is the context.

What a paragraph is about is often one of its own sentences. Which one, the rules decide; where
its opening makes the first one a claim that the others explain, `most: 1` asks for that alone, and
no other method needs to stand beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from builder.methods.base import Draw, Method, MethodSettings, Request
from builder.sentences import split


class QuotedSettings(MethodSettings):
    """The sentences of the context, beside the samples: they take no share of them."""

    kind: Literal["quoted"] = "quoted"
    share: float = Field(0.0, ge=0, le=0, description="none")
    most: int | None = Field(
        None, ge=1, description="sentences of a context, from its first; empty: all"
    )


def draw(settings: QuotedSettings, request: Request) -> Sequence[Draw]:
    """The sentences of every context; nobody drew them as next ones, so they have no probability.

    A context of one sentence gives none: it would be its own target.
    """
    several = ((c, texts) for c, texts in enumerate(split(request.contexts)) if len(texts) > 1)
    return [
        Draw(context, text, math.nan)
        for context, texts in several
        for text in texts[: settings.most]
    ]


METHOD = Method(name="quoted", settings=QuotedSettings, draw=draw, needs_model=False)
