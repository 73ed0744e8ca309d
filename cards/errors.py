"""The one base error of the cards: a message and a hint."""

from __future__ import annotations


class CardError(Exception):
    """A card that cannot be rendered without losing or inventing something.

    Args:
        message: what is wrong, without a final full stop.
        hint: what to do about it.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
