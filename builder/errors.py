"""Errors of the builder."""

from __future__ import annotations

from dimsum.errors import DimsumError


class BuilderError(DimsumError):
    """The base error of the builder."""


class ConfigError(BuilderError):
    """A configuration or an argument that cannot be used (exit code 2)."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint, exit_code=2)


class NoMemory(BuilderError):
    """Not even a single one of what is computed together fitted into memory."""


class GateError(BuilderError):
    """A quality gate said no: nothing kept, or a share beyond its bound (exit code 3)."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint, exit_code=3)
