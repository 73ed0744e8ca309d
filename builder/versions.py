"""Versions of what computed a corpus."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
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


def collect_versions(environments: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Versions of what computed a run: those that its units noted, else those that are here."""
    found = list_versions()
    for environment in environments:
        found.update({name: value for name, value in environment.items() if name in found})
    return found


def list_versions() -> dict[str, str]:
    """Python and every library that the rows depend on; one that is absent is left out."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
