"""eased: earlier sentences in easier words, where the teacher agrees.

A small teacher's next sentences seldom say one thing in a hard and in an easy way, so that pairs of
its samples become easier by leaving out alone. Its own sentence with a commoner word for a rarer
one (`builder/easing.py`) keeps what is said; whether the word fits there, the teacher's probability
says, and whether it means the same, a critic.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from builder.easing import ease_all
from builder.methods.base import Draw, Method, Request
from builder.methods.edited import EditedSettings, describe_edits, keep_likely


class EasedSettings(EditedSettings):
    """The sentences of the methods before, in easier words."""

    kind: Literal["eased"] = "eased"
    # A word that does not fit costs a whole sentence's mean little.
    loss: float = Field(0.3, description="most of it that the change may cost")


def draw(settings: EasedSettings, request: Request) -> list[Draw]:
    """The earlier sentences of every context in easier words, of the likeliest sentence first."""
    found = iter(ease_all([text for texts in request.earlier for text in texts]))
    edits = [[(text, easy) for text in texts for easy in next(found)] for texts in request.earlier]
    return keep_likely(settings, request, edits, ("unlikely_words", "enough_eased"))


METHOD = Method(
    name="eased",
    settings=EasedSettings,
    draw=draw,
    describe=describe_edits,
    needs_earlier=True,
)
