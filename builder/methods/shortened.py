"""shortened: earlier sentences without an aside, where the teacher agrees.

`endings` of the method `parallel` only deletes what stands at a sentence's end. This deletes in
front and in the middle too (`builder/shortening.py`); whether what is left is a sentence, the
teacher's probability of it says.
"""

from __future__ import annotations

from typing import Literal

from builder.methods.edited import EditedSettings, make_editing_method
from builder.shortening import shorten_all


class ShortenedSettings(EditedSettings):
    """The sentences of the methods before, without some of their parts."""

    kind: Literal["shortened"] = "shortened"


METHOD = make_editing_method(
    "shortened", ShortenedSettings, shorten_all, ("unlikely_deletion", "enough_deletions")
)
