"""The base error of the command line and of this package: a message and a hint."""

from __future__ import annotations


class DimsumError(Exception):
    """What the user can act on: one line of what is wrong and one of what to do.

    Args:
        message: what is wrong, without a final full stop.
        hint: what to do about it.
        exit_code: of the command line; 1 failure, 2 usage or configuration, 3 a quality gate.
    """

    def __init__(self, message: str, *, hint: str = "", exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


class UsageError(DimsumError):
    """An argument, a file or a setting that cannot be used (exit code 2)."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint, exit_code=2)


class ModelError(DimsumError):
    """A model that is missing, corrupt or of another kind than is asked for."""
