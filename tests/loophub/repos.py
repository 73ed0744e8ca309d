"""What the Hub keeps: repositories with commits, branches, tags and pull requests."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from dataclasses import dataclass, field

LARGE = (
    "7z arrow bin bz2 ckpt gz h5 model msgpack npy npz onnx parquet pickle pkl pt pth safetensors "
    "tar tflite tgz zip zst"
)
GITATTRIBUTES = "".join(
    f"*.{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LARGE.split()
).encode()


class Refusal(Exception):
    """An answer other than 200. The client goes by the headers, not by the body."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        self.body = {"error": message} if body is None else body
        self.headers = dict(headers or {})
        if code:
            self.headers["X-Error-Code"] = code
        if message:
            self.headers["X-Error-Message"] = message.replace("\n", " ")


@dataclass(frozen=True)
class Entry:
    """A file in a tree; `pointer` is the size of its LFS pointer, None for a small file."""

    oid: str
    size: int
    sha256: str
    pointer: int | None = None
    xet: str | None = None


Tree = dict[str, Entry]


@dataclass(frozen=True)
class Commit:
    parent: str | None
    tree: Tree
    title: str
    message: str
    user: str
    date: float = field(default_factory=time.time)
    id: str = field(default_factory=lambda: hashlib.sha1(secrets.token_bytes(16)).hexdigest())


@dataclass
class PullRequest:
    number: int
    title: str
    description: str
    author: str
    base: str
    status: str = "draft"
    created: float = field(default_factory=time.time)

    @property
    def ref(self) -> str:
        return f"refs/pr/{self.number}"


def git_name(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Repo:
    """One repository; `main` begins with a commit of `.gitattributes`, as on the Hub."""

    def __init__(self, kind: str, name: str, private: bool, attributes: Entry) -> None:
        self.kind, self.name, self.private = kind, name, private
        self.gated = False
        self.pulls: dict[int, PullRequest] = {}
        first = Commit(None, {".gitattributes": attributes}, "initial commit", "", "system")
        self.commits = {first.id: first}
        self.refs = {"refs/heads/main": first.id}

    @property
    def namespace(self) -> str:
        return self.name.split("/")[0]

    def ref(self, revision: str) -> str | None:
        """The full name of a branch, tag or pull request."""
        for full in (revision, f"refs/heads/{revision}", f"refs/tags/{revision}"):
            if full in self.refs:
                return full
        return None

    def at(self, revision: str) -> Commit:
        ref = self.ref(revision)
        if ref is not None:
            return self.commits[self.refs[ref]]
        if re.fullmatch(r"[0-9a-f]{7,40}", revision):
            for name, commit in self.commits.items():
                if name.startswith(revision):
                    return commit
        raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def history(self, revision: str) -> list[Commit]:
        """Commits from the newest to the first."""
        commits = [self.at(revision)]
        while (parent := commits[-1].parent) is not None:
            commits.append(self.commits[parent])
        return commits

    def push(self, ref: str, tree: Tree, title: str, message: str, user: str) -> Commit:
        commit = Commit(self.refs.get(ref), tree, title, message, user)
        self.commits[commit.id] = commit
        self.refs[ref] = commit.id
        return commit

    def open_pull(self, title: str, description: str, author: str) -> PullRequest:
        pull = PullRequest(
            len(self.pulls) + 1, title, description, author, self.refs["refs/heads/main"]
        )
        self.pulls[pull.number] = pull
        self.refs[pull.ref] = pull.base
        return pull

    def merge(self, pull: PullRequest, user: str) -> Commit:
        """One commit on main with what the pull request changed since its base."""
        if pull.status != "open":
            raise Refusal(400, f"This pull request is {pull.status}")
        base, theirs = self.commits[pull.base].tree, self.at(pull.ref).tree
        tree = dict(self.at("main").tree)
        for path in base.keys() | theirs.keys():
            if base.get(path) == theirs.get(path):
                continue
            if tree.get(path) != base.get(path):
                raise Refusal(409, f"Conflict in {path}")
            if path in theirs:
                tree[path] = theirs[path]
            else:
                del tree[path]
        commit = self.push("refs/heads/main", tree, pull.title, f"Merge {pull.ref}", user)
        pull.status = "merged"
        return commit
