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
from builder.methods.edited import EditedSettings, make_editing_method


class EasedSettings(EditedSettings):
    """The sentences of the methods before, in easier words."""

    kind: Literal["eased"] = "eased"
    # A word that does not fit costs a whole sentence's mean little.
    loss: float = Field(0.3, description="most of it that the change may cost")


METHOD = make_editing_method(
    "eased", EasedSettings, ease_all, ("unlikely_words", "enough_eased"), version=2
)
