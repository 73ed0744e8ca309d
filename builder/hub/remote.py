"""A repository on the Hub, through the real client, with every call safe to lose the answer of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    DiscussionWithDetails,
    HfApi,
)
from huggingface_hub.errors import (
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile

from builder.errors import BuilderError
from builder.hub.errors import MovedError
from builder.hub.local import Kind, LocalFile
from builder.hub.retry import Retry, may_pass

#: The Hub keeps it, and adds the large files of a commit to it by itself.
GITATTRIBUTES = ".gitattributes"

Operation = CommitOperationAdd | CommitOperationDelete


@dataclass(frozen=True)
class RemoteFile:
    """A file as the Hub reports it.

    Attributes:
        path: in the repository.
        size: in bytes.
        sha256: of its content, reported for large files only.
        blob_id: the name Git gives it (of large files: to its pointer).
    """

    path: str
    size: int
    sha256: str | None
    blob_id: str

    def same_as(self, local: LocalFile) -> bool:
        """Whether it has the bytes of a local file."""
        if self.sha256 is not None:
            return self.sha256 == local.sha256
        return self.size == local.size and self.blob_id == local.blob_id


@dataclass(frozen=True)
class Refs:
    """Branches and tags by name, each with its commit."""

    branches: dict[str, str]
    tags: dict[str, str]


class Remote:
    """One repository.

    Args:
        api: the client; its token is the one of the login unless it was given another.
        repo_id: NS/NAME.
        kind: dataset or model.
        retry: how to try again.
    """

    def __init__(self, api: HfApi, repo_id: str, kind: Kind, retry: Retry) -> None:
        self.api = api
        self.repo_id = repo_id
        self.kind = kind
        self.retry = retry

    @property
    def url(self) -> str:
        """Address of its page."""
        prefix = "datasets/" if self.kind == "dataset" else ""
        return f"{self.api.endpoint}/{prefix}{self.repo_id}"

    # ------------------------------------------------------------------------------- reading

    def head(self, revision: str) -> str | None:
        """The commit a branch, tag or pull request is at; None if there is no such thing."""
        try:
            info = self.retry(
                lambda: self.api.repo_info(self.repo_id, repo_type=self.kind, revision=revision)
            )
        except RevisionNotFoundError:
            return None
        return str(info.sha)

    def exists(self) -> bool:
        """Whether it is there and may be seen."""
        return self.private() is not None

    def private(self) -> bool | None:
        """Whether it is private; None if it is not there, or may not be seen."""
        try:
            info = self.retry(lambda: self.api.repo_info(self.repo_id, repo_type=self.kind))
        except RepositoryNotFoundError as error:
            # A gated repository is there; a 401 with a token is the token's fault.
            if type(error) is not RepositoryNotFoundError:
                raise
            return None
        return bool(info.private)

    def tree(self, commit: str) -> dict[str, RemoteFile]:
        """All files at a commit, by path; `.gitattributes` is the Hub's own and left out."""

        def read() -> dict[str, RemoteFile]:
            entries = self.api.list_repo_tree(
                self.repo_id, repo_type=self.kind, revision=commit, recursive=True
            )
            files = (entry for entry in entries if isinstance(entry, RepoFile))
            return {
                f.path: RemoteFile(f.path, f.size, f.lfs.sha256 if f.lfs else None, f.blob_id)
                for f in files
                if f.path != GITATTRIBUTES
            }

        return self.retry(read)

    def refs(self) -> Refs:
        """Its branches and tags."""
        refs = self.retry(lambda: self.api.list_repo_refs(self.repo_id, repo_type=self.kind))
        return Refs(
            {ref.name: ref.target_commit for ref in refs.branches},
            {ref.name: ref.target_commit for ref in refs.tags},
        )

    def history(self, revision: str) -> list[tuple[str, str]]:
        """Commits of a revision, newest first: their names and what they say."""
        commits = self.retry(
            lambda: self.api.list_repo_commits(self.repo_id, repo_type=self.kind, revision=revision)
        )
        return [(commit.commit_id, f"{commit.title}\n{commit.message}") for commit in commits]

    def fetch(self, path: str, commit: str) -> Path:
        """Downloads one file into the client's cache."""
        return Path(
            self.retry(
                lambda: self.api.hf_hub_download(
                    self.repo_id, path, repo_type=self.kind, revision=commit
                )
            )
        )

    # ------------------------------------------------------------------------------- writing

    def create(self, private: bool | None) -> None:
        """Makes the repository if it is not there; None leaves it to the namespace's default."""
        self.retry(
            lambda: self.api.create_repo(
                self.repo_id, repo_type=self.kind, private=private, exist_ok=True
            ),
            what="make the repository",
        )

    def create_branch(self, branch: str) -> None:
        """Makes a branch from main if it is not there."""
        self.retry(
            lambda: self.api.create_branch(
                self.repo_id, branch=branch, repo_type=self.kind, exist_ok=True
            )
        )

    def upload(self, additions: Sequence[CommitOperationAdd], revision: str) -> None:
        """Sends the bytes of the large files; nothing of it can be seen before a commit."""
        self.retry(
            lambda: self.api.preupload_lfs_files(
                self.repo_id, list(additions), repo_type=self.kind, revision=revision
            ),
            what=f"send {len(additions)} files",
        )

    def commit(
        self, operations: Sequence[Operation], revision: str, parent: str, title: str, mark: str
    ) -> str:
        """Commits once, on `parent` and nothing else.

        Args:
            operations: of the commit.
            revision: a branch or the ref of a pull request.
            parent: the commit it is at.
            title: the first line of the message.
            mark: a line of the message by which the commit is known as this release's.

        Returns:
            The commit.

        Raises:
            MovedError: there is another commit on `parent`.
        """

        def send() -> str:
            try:
                return self.api.create_commit(
                    self.repo_id,
                    list(operations),
                    repo_type=self.kind,
                    revision=revision,
                    parent_commit=parent,
                    commit_message=title,
                    commit_description=mark,
                ).oid
            except HfHubHTTPError as error:
                if error.response.status_code != 412:
                    raise
                # Perhaps it is this very commit, sent before, that moved the branch.
                return find_landed() or _refuse_moved(revision)

        def find_landed() -> str | None:
            return self._find_landed(revision, parent, mark)

        return self.retry(send, find_landed, what=f"commit {len(operations)} changes")

    def _find_landed(self, revision: str, parent: str, mark: str) -> str | None:
        """The commit right after `parent`, if it bears the mark."""
        if self.head(revision) == parent:
            return None
        newest_first = self.history(revision)
        names = [name for name, _ in newest_first]
        if parent not in names or names.index(parent) == 0:
            raise MovedError(revision)
        name, said = newest_first[names.index(parent) - 1]
        return name if mark in said else _refuse_moved(revision)

    def tag(self, tag: str, commit: str) -> None:
        """Puts a tag on a commit; a tag that is there must be on that commit.

        Raises:
            BuilderError: the tag is on another commit.
        """

        def send() -> bool:
            try:
                self.api.create_tag(self.repo_id, tag=tag, revision=commit, repo_type=self.kind)
            except HfHubHTTPError as error:
                if error.response.status_code != 409:
                    raise
                return done() or _refuse_tag(tag, self.repo_id)
            return True

        def done() -> bool | None:
            at = self.refs().tags.get(tag)
            return True if at == commit else None if at is None else _refuse_tag(tag, self.repo_id)

        self.retry(send, done, what=f"put the tag {tag}")

    # ------------------------------------------------------------------------- pull requests

    def me(self) -> str:
        """The name of who is logged in."""
        return str(self.retry(lambda: self.api.whoami())["name"])

    def pull_request(self, title: str, description: str) -> int:
        """A draft or open pull request of ours with that title, made if there is none."""
        me = self.me()

        def find() -> int | None:
            for found in self.api.get_repo_discussions(self.repo_id, repo_type=self.kind):
                ours = found.is_pull_request and found.author == me and found.title == title
                if ours and found.status in ("draft", "open"):
                    return int(found.num)
            return None

        def make() -> int:
            made = self.api.create_pull_request(
                self.repo_id, title=title, description=description, repo_type=self.kind
            )
            return int(made.num)

        return self.retry(find) or self.retry(make, find)

    def details(self, number: int) -> DiscussionWithDetails | None:
        """A pull request with its status; None if there is none of that number."""
        try:
            return self.retry(
                lambda: self.api.get_discussion_details(
                    self.repo_id, discussion_num=number, repo_type=self.kind
                )
            )
        except HfHubHTTPError as error:
            if error.response.status_code != 404:
                raise
            return None

    def set_status(self, number: int, status: Literal["open", "closed"]) -> None:
        """Opens a draft, or closes a pull request."""

        def send() -> None:
            self.api.change_discussion_status(
                self.repo_id, discussion_num=number, new_status=status, repo_type=self.kind
            )

        self._reach(number, status, send)

    def merge(self, number: int) -> None:
        """Merges a pull request, once."""

        def send() -> None:
            self.api.merge_pull_request(self.repo_id, discussion_num=number, repo_type=self.kind)

        self._reach(number, "merged", send)

    def _reach(self, number: int, status: str, send: Callable[[], None]) -> None:
        """Brings a pull request to a status, whatever answers are lost on the way."""

        def done() -> bool | None:
            details = self.details(number)
            return True if details is not None and details.status == status else None

        def once() -> bool:
            try:
                send()
            except HfHubHTTPError as error:
                # An earlier request may have come through after all, and this one too late.
                if may_pass(error) or not done():
                    raise
            return True

        if not done():
            self.retry(once, done, what=f"see the pull request {status}")


def _refuse_moved(revision: str) -> str:
    raise MovedError(revision)


def _refuse_tag(tag: str, repo_id: str) -> bool:
    raise BuilderError(
        f"{repo_id} has a tag {tag} already, on another commit",
        hint="choose another tag: readers rely on the old one staying where it is",
    )
