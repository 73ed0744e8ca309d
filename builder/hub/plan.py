"""What a publish would do: computed from the folder and the Hub, before anything is done."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete

from builder.hub.local import LocalFile, Release
from builder.hub.remote import Operation, Remote, RemoteFile
from cards.findings import CARD

#: Operations of one commit. The client cuts an upload into commits of as many files.
COMMIT_LIMIT = 250


@dataclass(frozen=True)
class Plan:
    """The way from what the Hub has to what the folder has.

    Attributes:
        base: the commit it starts from; None if there is no repository yet.
        added: files that are not there, sorted.
        changed: files that are there with other bytes, sorted.
        unchanged: files that are there as they are, sorted.
        deleted: paths that are there and not in the folder, sorted.
        commits: that it takes; 0 if nothing is to be done.
        pull_request: whether they go to a pull request.
    """

    base: str | None
    added: tuple[LocalFile, ...]
    changed: tuple[LocalFile, ...]
    unchanged: tuple[LocalFile, ...]
    deleted: tuple[str, ...]
    commits: int
    pull_request: bool

    @property
    def upload_bytes(self) -> int:
        """Bytes of the files to send, before any deduplication."""
        return sum(file.size for file in (*self.added, *self.changed))

    @property
    def empty(self) -> bool:
        """Whether the Hub has the release as it is."""
        return not (self.added or self.changed or self.deleted)

    def additions(self) -> list[CommitOperationAdd]:
        """The files to send, by path."""
        files = sorted((*self.added, *self.changed), key=lambda file: file.path)
        return [file.add for file in files]

    def operations(self) -> list[Operation]:
        """Of one commit that does it all: deletions, then files by path."""
        deletions = [CommitOperationDelete(path, is_folder=False) for path in self.deleted]
        return [*deletions, *self.additions()]

    def as_json(self) -> dict[str, Any]:
        """For a program to read."""
        return {
            "base": self.base,
            "added": {file.path: file.size for file in self.added},
            "changed": {file.path: file.size for file in self.changed},
            "unchanged": len(self.unchanged),
            "deleted": list(self.deleted),
            "upload_bytes": self.upload_bytes,
            "commits": self.commits,
            "pull_request": self.pull_request,
        }


def plan(
    release: Release,
    base: str | None,
    tree: Mapping[str, RemoteFile],
    *,
    pull_request: bool | None = None,
    limit: int = COMMIT_LIMIT,
) -> Plan:
    """Compares a release with the files at a commit.

    Args:
        release: to be published.
        base: the commit.
        tree: its files.
        pull_request: whether to go through one; None: if one commit cannot hold it.
        limit: operations of one commit.
    """
    added: list[LocalFile] = []
    changed: list[LocalFile] = []
    unchanged: list[LocalFile] = []
    for path, file in sorted(release.files.items()):
        there = tree.get(path)
        (added if there is None else unchanged if there.same_as(file) else changed).append(file)
    deleted = sorted(tree.keys() - release.files.keys())
    operations = len(added) + len(changed) + len(deleted)
    through = operations > limit if pull_request is None else pull_request
    commits = math.ceil(operations / limit) if through else min(operations, 1)
    return Plan(
        base, tuple(added), tuple(changed), tuple(unchanged), tuple(deleted), commits, through
    )


def compare_cards(release: Release, remote: Remote, made: Plan) -> str:
    """The card's change as a unified diff; empty if it stays as it is."""
    if CARD not in {file.path for file in (*made.added, *made.changed)}:
        return ""
    old = ""
    if made.base is not None and CARD in {file.path for file in made.changed}:
        old = remote.fetch(CARD, made.base).read_text(encoding="utf-8", errors="replace")
    lines = difflib.unified_diff(
        old.splitlines(), release.card.splitlines(), "on the Hub", "new", lineterm=""
    )
    return "\n".join(lines)
