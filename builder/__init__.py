"""Regenerate a corpus of summaries and paraphrases: contexts in, a dataset folder out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from builder.config import BuildConfig as BuildConfig
    from builder.config import load_config as load_config
    from builder.run import build as build

_HOMES = {
    "build": "builder.run",
    "BuildConfig": "builder.config",
    "load_config": "builder.config",
}
__all__ = ["BuildConfig", "build", "load_config"]


def __getattr__(name: str) -> Any:
    """Import on first use, so that `import builder` stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'builder' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
