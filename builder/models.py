"""Model references: those of `dimsum.models`, and the critic that is shipped here."""

from __future__ import annotations

from dimsum.hub import find_models, pin
from dimsum.models import (
    EMBEDDED,
    EMBEDDED_INSTALL,
    Embedded,
    LoadedModel,
    Resolved,
    cache_folder,
    embedded_folder,
    load_causal,
    loading,
    public_name,
    quiet_transformers,
    resolve,
)

__all__ = [
    "EMBEDDED",
    "EMBEDDED_INSTALL",
    "Embedded",
    "LoadedModel",
    "Resolved",
    "cache_folder",
    "embedded_folder",
    "find_models",
    "load_causal",
    "loading",
    "pin",
    "public_name",
    "quiet_transformers",
    "resolve",
]

EMBEDDED["critic"] = Embedded(
    module="builder.critics", inside="embedded", licence="apache-2.0", origin="dimsum-plus"
)
