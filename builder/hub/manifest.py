"""The list of a release's files with their SHA-256, in the form `sha256sum --check` reads.

It lies in the release itself, so that whoever has the release can check every byte of it, and
`verify` can compare what the Hub reports without a copy at hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from builder.errors import ConfigError

MANIFEST = "provenance/SHA256SUMS"
#: Folders that tools leave behind; hidden files are left out as well.
_LITTER = frozenset({"__pycache__"})
#: Hidden, and part of a release all the same: the Hub reads results from there.
_KEPT_HIDDEN = frozenset({".eval_results"})
_BLOCK = 1 << 20


def release_files(folder: Path) -> dict[str, Path]:
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


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def manifest_text(sums: Mapping[str, str]) -> str:
    """The manifest of files by their SHA-256; it never lists itself."""
    lines = (f"{sums[path]}  {path}\n" for path in sorted(sums) if path != MANIFEST)
    return "".join(lines)


def parse_manifest(text: str) -> dict[str, str]:
    """Path → SHA-256.

    Raises:
        ValueError: a line is not a hash, two spaces and a path.
    """
    return dict(_entries(text))


def _entries(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        digest, gap, path = line[:64], line[64:66], line[66:]
        if gap != "  " or not path or not set(digest) <= set("0123456789abcdef"):
            raise ValueError(f"no line of a manifest: {line[:80]!r}")
        yield path, digest


def write_manifest(folder: Path) -> Path:
    """Writes the manifest of a folder as it is now; returns its path."""
    sums = {name: sha256_of(path) for name, path in release_files(folder).items()}
    path = folder / MANIFEST
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(manifest_text(sums), encoding="utf-8", newline="\n")
    return path


def digest_of(sums: Mapping[str, str]) -> str:
    """One SHA-256 for a whole set of files, the manifest included."""
    listing = "".join(f"{sums[path]}  {path}\n" for path in sorted(sums))
    return hashlib.sha256(listing.encode()).hexdigest()
