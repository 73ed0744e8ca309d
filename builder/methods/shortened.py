"""shortened: earlier sentences without an aside, where the teacher agrees.

`endings` of the method `parallel` only deletes what stands at a sentence's end. This deletes in
front and in the middle too (`builder/shortening.py`); whether what is left is a sentence, the
teacher's probability of it says.
"""

from __future__ import annotations

from typing import Literal

from builder.methods.base import Draw, Method, Request
from builder.methods.edited import EditedSettings, describe_edits, keep_likely
from builder.shortening import shorten_all


class ShortenedSettings(EditedSettings):
    """The sentences of the methods before, without some of their parts."""

    kind: Literal["shortened"] = "shortened"


def draw(settings: ShortenedSettings, request: Request) -> list[Draw]:
    """What is left of the earlier sentences of every context, of the likeliest sentence first."""
    left = iter(shorten_all([text for texts in request.earlier for text in texts]))
    edits = [[(text, short) for text in texts for short in next(left)] for texts in request.earlier]
    return keep_likely(settings, request, edits, ("unlikely_deletion", "enough_deletions"))


METHOD = Method(
    name="shortened",
    settings=ShortenedSettings,
    draw=draw,
    describe=describe_edits,
    needs_earlier=True,
)
