"""Model references: those of `dimsum.models`, and the critic that is shipped here."""

from __future__ import annotations

from dimsum.hub import find_models, pin
from dimsum.models import (
    EMBEDDED,
    EMBEDDED_INSTALL,
    Embedded,
    LoadedModel,
    Resolved,
    explain_loading,
    find_cache_folder,
    find_embedded,
    hush_transformers,
    load_causal,
    make_public_name,
    resolve,
)

__all__ = [
    "EMBEDDED",
    "EMBEDDED_INSTALL",
    "Embedded",
    "LoadedModel",
    "Resolved",
    "explain_loading",
    "find_cache_folder",
    "find_embedded",
    "find_models",
    "hush_transformers",
    "load_causal",
    "make_public_name",
    "pin",
    "resolve",
]

EMBEDDED["critic"] = Embedded(
    module="builder.critics", inside="embedded", licence="apache-2.0", origin="dimsum-plus"
)
