"""What a release or a report says of a run's documents: never where a file lay."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from builder.models import make_public_name

MODELS = frozenset({"model", "encoder", "reference"})
"""Settings whose values are references of models."""
TEXTS = frozenset({"banned", "forbidden"})
"""Settings whose values are texts, which may begin as a path does (`/r/news`)."""


def make_public(value: Any) -> Any:
    """A document whose absolute paths are their last parts, as are local models' relative ones."""
    if isinstance(value, Mapping):
        return {key: _make_value_public(key, one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [make_public(one) for one in value]
    if isinstance(value, str) and (PurePosixPath(value).is_absolute() or _is_windows_path(value)):
        return PureWindowsPath(value).name
    return value


def _make_value_public(key: str, value: Any) -> Any:
    if key in TEXTS:
        return value
    return make_public(
        make_public_name(value) if key in MODELS and isinstance(value, str) else value
    )


def _is_windows_path(text: str) -> bool:
    return bool(PureWindowsPath(text).drive) and PureWindowsPath(text).is_absolute()
