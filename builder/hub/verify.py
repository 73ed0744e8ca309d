"""Whether the Hub's bytes are the release's, with as little downloaded as can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError

from builder.errors import BuilderError
from builder.hub.errors import explain_errors
from builder.hub.local import Kind, LocalFile, Release, prepare
from builder.hub.manifest import MANIFEST, digest_files, parse_manifest
from builder.hub.remote import Remote, RemoteFile
from builder.hub.retry import Retry
from dimsum.files import hash_file


@dataclass
class Verification:
    """What was compared, and what differs.

    Attributes:
        repo_id: NS/NAME.
        kind: dataset or model.
        commit: that was looked at.
        against: what it was compared with.
        files: compared.
        downloaded: bytes.
        missing: listed, and not on the Hub.
        different: on the Hub with other bytes.
        unlisted: on the Hub, and not listed.
        digest: one SHA-256 over all files; None if something differs.
    """

    repo_id: str
    kind: Kind
    commit: str
    against: str
    files: int = 0
    downloaded: int = 0
    missing: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    digest: str | None = None

    @property
    def ok(self) -> bool:
        """Whether every byte is the release's, and nothing else is there."""
        return not (self.missing or self.different or self.unlisted)

    def as_json(self) -> dict[str, Any]:
        """For a program to read."""
        return {"ok": self.ok, **vars(self)}


def find_differences(
    files: Mapping[str, LocalFile], tree: Mapping[str, RemoteFile]
) -> tuple[list[str], list[str], list[str]]:
    """Paths that are missing on the Hub, that differ there, and that only the Hub has."""
    missing = sorted(files.keys() - tree.keys())
    different = sorted(p for p in files.keys() & tree.keys() if not tree[p].same_as(files[p]))
    return missing, different, sorted(tree.keys() - files.keys())


def check_tree(release: Release, tree: Mapping[str, RemoteFile], repo_id: str) -> None:
    """Holds a tree of the Hub against a release.

    Raises:
        BuilderError: they are not the same.
    """
    for paths, what in zip(
        find_differences(release.files, tree),
        ("is not on the Hub", "has other bytes on the Hub", "is on the Hub and not in the release"),
        strict=True,
    ):
        if paths:
            more = f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
            raise BuilderError(
                f"{repo_id}: {paths[0]} {what}{more}", hint="run the same command again"
            )


def verify(
    repo_id: str,
    revision: str | None = None,
    *,
    folder: Path | None = None,
    kind: Kind | None = None,
    api: HfApi | None = None,
    retry: Retry | None = None,
) -> Verification:
    """Compares what the Hub has with what was released.

    With a folder nothing is downloaded: the Hub reports the SHA-256 of large files and the Git name
    of small ones. Without one, the release's own list of hashes is, and the small files with it.

    Args:
        repo_id: NS/NAME.
        revision: branch, tag or commit; main if not given.
        folder: of the release.
        kind: dataset or model; tried in this order if not given.
        api: the client, if not a new one with the login's token.
        retry: how to try again.

    Raises:
        BuilderError: the repository cannot be read, or has no list of hashes.
    """
    api = api or HfApi()
    with explain_errors(repo_id, api.token):
        remote, commit = _open(api, repo_id, revision or "main", kind, retry or Retry())
        tree = remote.tree(commit)
        if folder is not None:
            return _compare_folder(remote, commit, tree, folder)
        return _compare_manifest(remote, commit, tree)


def _open(
    api: HfApi, repo_id: str, revision: str, kind: Kind | None, retry: Retry
) -> tuple[Remote, str]:
    kinds: tuple[Kind, ...] = (kind,) if kind else ("dataset", "model")
    for at, each in enumerate(kinds):
        remote = Remote(api, repo_id, each, retry)
        try:
            commit = remote.head(revision)
        except RepositoryNotFoundError as error:
            if type(error) is not RepositoryNotFoundError or at + 1 == len(kinds):
                raise
            continue
        if commit is None:
            raise BuilderError(
                f"{repo_id} has no revision {revision}",
                hint="give a branch, a tag or a commit that it has",
            )
        return remote, commit
    raise AssertionError("unreachable: the last kind returns or raises")


def _compare_folder(
    remote: Remote, commit: str, tree: Mapping[str, RemoteFile], folder: Path
) -> Verification:
    release = prepare(folder, remote.repo_id)
    result = Verification(remote.repo_id, remote.kind, commit, str(folder), len(release.files))
    result.missing, result.different, result.unlisted = find_differences(release.files, tree)
    result.digest = release.digest if result.ok else None
    return result


def _compare_manifest(remote: Remote, commit: str, tree: Mapping[str, RemoteFile]) -> Verification:
    result = Verification(remote.repo_id, remote.kind, commit, MANIFEST)
    if MANIFEST not in tree:
        raise BuilderError(
            f"{remote.repo_id} has no list of hashes ({MANIFEST})",
            hint="compare it with the folder of the release: --folder FOLDER",
        )
    path = remote.fetch(MANIFEST, commit)
    result.downloaded += path.stat().st_size
    try:
        sums = parse_manifest(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BuilderError(
            f"{MANIFEST} of {remote.repo_id} is no list of hashes",
            hint="compare it with the folder of the release: --folder FOLDER",
        ) from error
    result.missing = sorted(sums.keys() - tree.keys())
    result.unlisted = sorted(tree.keys() - sums.keys() - {MANIFEST})
    for name in sorted(sums.keys() & tree.keys()):
        result.files += 1
        sha256 = tree[name].sha256
        if sha256 is None:
            copy = remote.fetch(name, commit)
            result.downloaded += copy.stat().st_size
            sha256 = hash_file(copy)
        if sha256 != sums[name]:
            result.different.append(name)
    if result.ok:
        result.digest = digest_files({**sums, MANIFEST: hash_file(path)})
    return result
