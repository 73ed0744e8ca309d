"""The list of a release's files with their SHA-256.

It lies in the release itself, so that whoever has the release can check every byte of it, and
`verify` can compare what the Hub reports without a copy at hand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter

from builder.errors import ConfigError
from cards.facts import Sha256
from dimsum.files import hash_file, write_text

MANIFEST = "provenance/checksums.json"
#: Folders that tools leave behind; hidden files are left out as well.
_LITTER = frozenset({"__pycache__"})
#: Hidden, and part of a release all the same: the Hub reads results from there.
_KEPT_HIDDEN = frozenset({".eval_results"})
_SUMS = TypeAdapter(dict[str, Sha256])


def list_release_files(folder: Path) -> dict[str, Path]:
    """The files of a release by their path in it, sorted; hidden ones and litter are left out.

    Raises:
        ConfigError: there is no such folder, or a link leads out of it.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder", hint="give the folder of a release")
    root = folder.resolve()
    files: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if any(p in _LITTER or (p.startswith(".") and p not in _KEPT_HIDDEN) for p in parts):
            continue
        if not path.resolve().is_relative_to(root):
            raise ConfigError(
                f"{path} is a link that leads out of the folder",
                hint="put a copy of the file in its place",
            )
        if path.is_file():
            files["/".join(parts)] = path
    return files


def format_manifest(sums: Mapping[str, str]) -> str:
    """The manifest of files by their SHA-256; it never lists itself."""
    listed = {path: sums[path] for path in sorted(sums) if path != MANIFEST}
    return json.dumps(listed, indent=2, ensure_ascii=False) + "\n"


def parse_manifest(text: str) -> dict[str, str]:
    """Path → SHA-256.

    Raises:
        ValueError: it is no JSON object of paths and hashes.
    """
    return _SUMS.validate_json(text)


def write_manifest(folder: Path) -> Path:
    """Writes the manifest of a folder as it is now; returns its path."""
    sums = {name: hash_file(path) for name, path in list_release_files(folder).items()}
    write_text(folder / MANIFEST, format_manifest(sums))
    return folder / MANIFEST


def digest_files(sums: Mapping[str, str]) -> str:
    """One SHA-256 for a whole set of files, the manifest included."""
    listing = "".join(f"{sums[path]}  {path}\n" for path in sorted(sums))
    return hashlib.sha256(listing.encode()).hexdigest()
