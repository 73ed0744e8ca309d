"""Versions of what computed a corpus."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

LIBRARIES = (
    "dimsum-plus",
    "torch",
    "transformers",
    "tokenizers",
    "peft",
    "datasets",
    "huggingface-hub",
    "pyarrow",
    "numpy",
    "spacy",
    "datasketch",
    "networkx",
    "numerizer",
)


def library_versions() -> dict[str, str]:
    """Python and every library that the rows depend on; one that is absent is left out."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
