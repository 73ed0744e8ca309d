"""reordered: earlier sentences with a part moved to their other end, where the teacher agrees.

A small teacher seldom says one thing twice in other words, so pairs of its samples are seldom
paraphrases. Its own sentence in another order is one wherever the moved part may stand at either
end (`builder/reordering.py`) and the sentence makes sense, of which the teacher's probability of it
says something: two readers called 73% of such pairs valid, and 82% of those whose sentence has -1.5
nats a token or more (docs/validity.md). It is decoding under constraints (NeuroLogic,
arXiv 2010.12884) with every word demanded and only the order free.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from builder.methods.edited import EditedSettings, make_editing_method
from builder.reordering import reorder_all


class ReorderedSettings(EditedSettings):
    """The sentences of the methods before, in another order."""

    kind: Literal["reordered"] = "reordered"


def _list_orders(texts: Sequence[str]) -> list[list[str]]:
    return [[other.text for other in orders] for orders in reorder_all(texts)]


METHOD = make_editing_method(
    "reordered", ReorderedSettings, _list_orders, ("unlikely_order", "enough_orders"), version=2
)
