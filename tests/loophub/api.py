"""The Hub's API, as far as publishing, loading and downloading go."""

from __future__ import annotations

import base64
import datetime as dt
import fnmatch
import hashlib
import json
import re
import secrets
import time
from urllib.parse import parse_qs, quote, unquote, urlsplit

import yaml

from tests.loophub.repos import (
    GITATTRIBUTES,
    Commit,
    Entry,
    PullRequest,
    Refusal,
    Repo,
    Tree,
)
from tests.loophub.server import USERS, Handler

PREFIX = {"models": "", "datasets": "datasets/"}
INLINE_LIMIT = 10 * 1024 * 1024


def iso(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class HubHandler(Handler):
    side = "hub"

    def route(self) -> None:
        parts = self.route_path.strip("/").split("/")
        if parts[0] == "api":
            return self.api(parts[1:])
        kind = "models"
        if parts[0] == "datasets":
            kind, parts = "datasets", parts[1:]
        if self.route_path.endswith(".git/info/lfs/objects/batch"):
            name = f"{parts[0]}/{parts[1].removesuffix('.git')}"
            return self.lfs_batch(self.find(kind, name))
        if self.route_path.endswith(".git/info/lfs/objects/verify"):
            if not self.hub.blob(self.json()["oid"]).exists():
                raise Refusal(404, "object not found")
            return self.send(200, {})
        if len(parts) > 4 and parts[2] == "resolve":
            path = unquote("/".join(parts[4:]))
            return self.resolve(kind, "/".join(parts[:2]), unquote(parts[3]), path)
        raise Refusal(404, f"no route for {self.command} {self.route_path}")

    def api(self, parts: list[str]) -> None:
        match parts:
            case ["whoami-v2"]:
                return self.whoami()
            case ["validate-yaml"]:
                errors = card_errors(self.json().get("content", ""))
                return self.send(400 if errors else 200, {"errors": errors, "warnings": []})
            case ["repos", "create"]:
                return self.create()
            case ["resolve-cache", kind, space, name, revision, *path]:
                repo = self.find(kind, f"{space}/{name}")
                return self.send_small(repo, revision, unquote("/".join(path)))
            case ["models" | "datasets" as kind, space, name, *rest]:
                return self.repository(self.find(kind, f"{space}/{name}"), rest)
        raise Refusal(404, f"no route for {self.command} {self.route_path}")

    def repository(self, repo: Repo, parts: list[str]) -> None:
        head, rest = (parts[0] if parts else ""), [unquote(part) for part in parts[1:]]
        writes = self.command in ("POST", "PUT", "DELETE") or head == "xet-write-token"
        if writes and head not in ("paths-info", "discussions"):
            self.need_write(repo)
        match self.command, head:
            case "GET", "" | "revision":
                return self.info(repo, rest[0] if rest else "main")
            case "GET", "tree":
                return self.tree(repo, rest[0], "/".join(rest[1:]))
            case "GET", "refs":
                return self.refs(repo)
            case "GET", "commits":
                return self.page([_commit_row(c) for c in repo.history(rest[0])])
            case "POST", "paths-info":
                return self.paths_info(repo, rest[0])
            case "GET", "xet-write-token" | "xet-read-token":
                return self.xet_token()
            case "POST", "preupload":
                return self.preupload(repo, rest[0])
            case "POST", "commit":
                return self.commit(repo, rest[0])
            case "POST", "tag" | "branch":
                return self.new_ref(repo, head, rest[0])
            case _, "discussions":
                return self.discussions(repo, rest)
        raise Refusal(404, f"no route for {self.command} {self.route_path}")

    # ------------------------------------------------------------------------------- who asks

    def user(self) -> dict | None:
        given = self.headers.get("Authorization")
        if not given:
            return None
        user = USERS.get(given.removeprefix("Bearer ").strip())
        if user is None:
            raise Refusal(401, "Invalid credentials in Authorization header")
        return user

    def member(self, namespace: str) -> bool:
        user = self.user()
        return user is not None and namespace in (user["name"], *user["orgs"])

    def find(self, kind: str, name: str) -> Repo:
        repo = self.hub.repos.get(f"{kind}/{name}")
        if repo is None or (repo.private and not self.member(repo.namespace)):
            # To an anonymous caller the Hub does not tell a missing repository from a private one.
            raise Refusal(404 if self.user() else 401, "Repository not found", "RepoNotFound")
        return repo

    def need_write(self, repo: Repo) -> None:
        user = self.user()
        if user is None:
            raise Refusal(401, "Invalid username or password.")
        if not self.member(repo.namespace) or user["role"] != "write":
            raise Refusal(403, f"You don't have write access to {repo.name}")

    def need_read(self, repo: Repo) -> None:
        if repo.gated and not self.member(repo.namespace):
            status = 403 if self.user() else 401
            raise Refusal(status, f"Access to {repo.name} is restricted.", "GatedRepo")

    def whoami(self) -> None:
        user = self.user()
        if user is None:
            raise Refusal(401, "Invalid username or password.")
        orgs = [{"type": "org", "name": org, "fullname": org} for org in user["orgs"]]
        token = {"displayName": "test", "role": user["role"]}
        auth = {"type": "access_token", "accessToken": token}
        self.send(200, {"type": "user", "name": user["name"], "orgs": orgs, "auth": auth})

    # -------------------------------------------------------------------------------- reading

    def info(self, repo: Repo, revision: str) -> None:
        commit = repo.at(revision)
        siblings = [{"rfilename": path} for path in sorted(commit.tree)]
        about = {"id": repo.name, "author": repo.namespace, "sha": commit.id, "tags": []}
        about |= {"private": repo.private, "gated": repo.gated, "disabled": False}
        about |= {"downloads": 0, "likes": 0, "siblings": siblings, "cardData": {}}
        self.send(200, {**about, "lastModified": iso(commit.date), "createdAt": iso(commit.date)})

    def page(self, rows: list) -> None:
        """One page of a listing, with a link to the next."""
        first = int(self.query.get("cursor", ["0"])[0])
        end, headers = first + self.hub.page_size, {}
        if end < len(rows):
            rest = urlsplit(self.path).query.split("&")
            query = "&".join([part for part in rest if part and not part.startswith("cursor=")])
            url = f"{self.hub.endpoint}{self.route_path}?{query}&cursor={end}"
            headers["Link"] = f'<{url}>; rel="next"'
        self.send(200, rows[first:end], headers)

    def tree(self, repo: Repo, revision: str, folder: str) -> None:
        tree = repo.at(revision).tree
        start = folder + "/" if folder else ""
        inside = {path: entry for path, entry in sorted(tree.items()) if path.startswith(start)}
        if folder and not inside:
            raise Refusal(404, f"{folder} does not exist", "EntryNotFound")
        deep = self.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        rows = [
            {"type": "directory", "oid": hashlib.sha1(name.encode()).hexdigest(), "size": 0}
            | {"path": name}
            for name in _folders(inside)
            if name.startswith(start) and (deep or "/" not in name[len(start) :])
        ]
        rows += [
            _file_row(path, entry)
            for path, entry in inside.items()
            if deep or "/" not in path[len(start) :]
        ]
        self.page(rows)

    def paths_info(self, repo: Repo, revision: str) -> None:
        tree = repo.at(revision).tree
        asked = parse_qs(self.body.decode()).get("paths", [])
        self.send(200, [_file_row(path, tree[path]) for path in asked if path in tree])

    def refs(self, repo: Repo) -> None:
        def named(start: str) -> list[dict]:
            return [
                {"name": ref.removeprefix(start), "ref": ref, "targetCommit": commit}
                for ref, commit in sorted(repo.refs.items())
                if ref.startswith(start)
            ]

        heads, tags = named("refs/heads/"), named("refs/tags/")
        self.send(200, {"branches": heads, "tags": tags, "converts": []})

    def resolve(self, kind: str, name: str, revision: str, path: str) -> None:
        repo = self.find(kind, name)
        self.need_read(repo)
        commit = repo.at(revision)
        entry = commit.tree.get(path)
        headers = {"X-Repo-Commit": commit.id}
        if entry is None:
            raise Refusal(404, "Entry not found", "EntryNotFound", headers=headers)
        headers["X-Linked-Size"] = str(entry.size)
        if entry.pointer is None:
            headers["X-Linked-Etag"] = f'"{entry.oid}"'
            location = f"/api/resolve-cache/{kind}/{name}/{commit.id}/{quote(path)}"
            return self.send(307, headers={**headers, "Location": location})
        headers["X-Linked-Etag"] = f'"{entry.sha256}"'
        headers["Location"] = f"{self.hub.store_url}/object/{entry.sha256}"
        if entry.xet:
            route = f"{self.hub.endpoint}/api/{kind}/{name}/xet-read-token/{commit.id}"
            headers |= {"X-Xet-Hash": entry.xet, "Link": f'<{route}>; rel="xet-auth"'}
        return self.send(302, headers=headers)

    def send_small(self, repo: Repo, revision: str, path: str) -> None:
        self.need_read(repo)
        commit = repo.at(revision)
        entry = commit.tree[path]
        headers = {"X-Repo-Commit": commit.id, "ETag": f'"{entry.oid}"'}
        self.send_file(self.hub.blob(entry.sha256), headers)

    # -------------------------------------------------------------------------------- writing

    def create(self) -> None:
        user, asked = self.user(), self.json()
        if user is None:
            raise Refusal(401, "Invalid username or password.")
        kind = asked.get("type", "model") + "s"
        namespace = asked.get("organization") or user["name"]
        if not self.member(namespace) or user["role"] != "write":
            raise Refusal(403, f'You may not create a {kind[:-1]} under "{namespace}"')
        name = f"{namespace}/{asked['name']}"
        url = f"{self.hub.endpoint}/{PREFIX[kind]}{name}"
        with self.hub.lock:
            if f"{kind}/{name}" in self.hub.repos:
                message = f"You already created this {kind[:-1]} repo"
                raise Refusal(409, message, body={"error": message, "url": url})
            private = asked.get("visibility") == "private"
            attributes = self.hub.small(GITATTRIBUTES)
            self.hub.repos[f"{kind}/{name}"] = Repo(kind, name, private, attributes)
        self.send(200, {"url": url, "name": name, "id": secrets.token_hex(12)})

    def is_large(self, tree: Tree, path: str, size: int, sample: bytes) -> bool:
        attributes = self.hub.blob(tree[".gitattributes"].sha256).read_text()
        for line in attributes.splitlines():
            pattern = line.split()[0]
            if fnmatch.fnmatch(path, pattern) or fnmatch.fnmatch(path.split("/")[-1], pattern):
                return True
        return size > INLINE_LIMIT or b"\0" in sample

    def preupload(self, repo: Repo, revision: str) -> None:
        tree = repo.at(revision).tree
        answers = []
        for file in self.json()["files"]:
            path, there = file["path"], tree.get(file["path"])
            large = self.is_large(tree, path, file["size"], base64.b64decode(file["sample"]))
            answer = {"path": path, "uploadMode": "lfs" if large else "regular"}
            answer["shouldIgnore"] = False
            if there:
                answer["oid"] = there.oid if there.pointer is None else there.sha256
            answers.append(answer)
        self.send(200, {"files": answers})

    def xet_token(self) -> None:
        if not self.hub.use_xet:
            raise Refusal(404, "Xet is not enabled")
        token, expires = f"xet-{secrets.token_hex(8)}", int(time.time()) + 900
        body = {"casUrl": self.hub.xet.url, "accessToken": token, "exp": expires}
        headers = {"X-Xet-Cas-Url": self.hub.xet.url, "X-Xet-Access-Token": token}
        self.send(200, body, {**headers, "X-Xet-Token-Expiration": str(expires)})

    def lfs_batch(self, repo: Repo) -> None:
        self.need_write(repo)
        answers = []
        for asked in self.json()["objects"]:
            answer = {"oid": asked["oid"], "size": asked["size"], "authenticated": True}
            if not self.hub.blob(asked["oid"]).exists():
                put = f"{self.hub.store_url}/lfs/{asked['oid']}"
                verify = f"{self.hub.endpoint}/{PREFIX[repo.kind]}{repo.name}.git"
                verify += "/info/lfs/objects/verify"
                answer["actions"] = {
                    "upload": {"href": put, "header": {}},
                    "verify": {"href": verify, "header": {}},
                }
            answers.append(answer)
        body = {"transfer": "basic", "objects": answers}
        self.send(200, body, mime="application/vnd.git-lfs+json")

    def commit(self, repo: Repo, revision: str) -> None:
        user = self.user()
        assert user is not None  # need_write
        header, changes = self.read_commit()
        with self.hub.lock:
            ref = repo.ref(revision)
            if ref is None:
                raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
            parent = header.get("parentCommit")
            if parent and repo.refs[ref] != parent:
                raise Refusal(412, "A commit has happened since. Please refresh and try again.")
            tree = self.apply(repo.at(ref).tree, changes)
            made = repo.push(ref, tree, header["summary"], header["description"], user["name"])
        url = f"{self.hub.endpoint}/{PREFIX[repo.kind]}{repo.name}/commit/{made.id}"
        self.send(200, {"success": True, "commitOid": made.id, "commitUrl": url})

    def read_commit(self) -> tuple[dict, list[tuple[str, Entry | None]]]:
        """The header, and path → its new entry, or None to delete it."""
        header: dict = {}
        changes: list[tuple[str, Entry | None]] = []
        for line in self.body.splitlines():
            operation = json.loads(line)
            value = operation["value"]
            match operation["key"]:
                case "header":
                    header = value
                case "file":
                    content = base64.b64decode(value["content"])
                    if value["path"] == "README.md" and card_errors(content.decode()):
                        raise Refusal(400, "Invalid metadata in README.md")
                    changes.append((value["path"], self.hub.small(content)))
                case "lfsFile":
                    entry = self.hub.large(value["oid"])
                    if entry is None:
                        raise Refusal(400, f"LFS object {value['oid']} was not uploaded")
                    changes.append((value["path"], entry))
                case "deletedFile":
                    changes.append((value["path"], None))
        return header, changes

    def apply(self, before: Tree, changes: list[tuple[str, Entry | None]]) -> Tree:
        tree = dict(before)
        attributes = self.hub.blob(tree[".gitattributes"].sha256).read_bytes()
        for path, entry in changes:
            if entry is None:
                if path not in tree:
                    raise Refusal(404, f"A file with this name doesn't exist: {path}")
                del tree[path]
                continue
            tree[path] = entry
            if entry.pointer is not None and not self.is_large(before, path, 0, b""):
                # A large file of no known kind: the Hub adds it to .gitattributes by itself.
                attributes += f"{path} filter=lfs diff=lfs merge=lfs -text\n".encode()
        tree[".gitattributes"] = self.hub.small(attributes)
        return tree

    def new_ref(self, repo: Repo, what: str, name: str) -> None:
        with self.hub.lock:
            if what == "tag":
                commit, ref = repo.at(name), f"refs/tags/{self.json()['tag']}"
            else:
                commit = repo.at(self.json().get("startingPoint") or "main")
                ref = f"refs/heads/{name}"
            if ref in repo.refs:
                raise Refusal(409, "Reference exists already")
            repo.refs[ref] = commit.id
        self.send(200, {})

    # -------------------------------------------------------------------------- pull requests

    def discussions(self, repo: Repo, rest: list[str]) -> None:
        user = self.user()
        match self.command, rest:
            case "GET", []:
                pulls = [self.pull_row(repo, pull) for pull in repo.pulls.values()]
                return self.send(200, {"discussions": pulls, "count": len(pulls), "start": 0})
            case "GET", [number] if int(number) in repo.pulls:
                return self.send(200, self.pull_row(repo, repo.pulls[int(number)]))
            case "POST", [] if user:
                asked = self.json()
                with self.hub.lock:
                    pull = repo.open_pull(asked["title"], asked["description"], user["name"])
                return self.send(200, {"num": pull.number})
            case "POST", [number, action] if int(number) in repo.pulls:
                self.need_write(repo)
                assert user is not None  # need_write
                return self.change_pull(repo, repo.pulls[int(number)], action, user["name"])
        raise Refusal(404, "Discussion not found")

    def change_pull(self, repo: Repo, pull: PullRequest, action: str, user: str) -> None:
        with self.hub.lock:
            if action == "merge":
                repo.merge(pull, user)
                return self.send(200, {})
            if pull.status == "merged":
                raise Refusal(400, "This pull request is merged")
            pull.status = self.json()["status"]
        event = {"id": "1", "type": "status-change", "createdAt": iso(0), "data": {}}
        event |= {"author": {"name": user}, "data": {"status": pull.status}}
        return self.send(200, {"newStatus": event})

    def pull_row(self, repo: Repo, pull: PullRequest) -> dict:
        row = {"num": pull.number, "title": pull.title, "status": pull.status}
        row |= {"author": {"name": pull.author}, "createdAt": iso(pull.created)}
        row |= {"repo": {"name": repo.name, "type": repo.kind[:-1]}, "isPullRequest": True}
        changes = {"base": "refs/heads/main"}
        return row | {"events": [], "filesWithConflicts": [], "changes": changes, "diff": ""}


def _folders(tree: Tree) -> list[str]:
    return sorted(
        {"/".join(path.split("/")[:n]) for path in tree for n in range(1, path.count("/") + 1)}
    )


def _file_row(path: str, entry: Entry) -> dict:
    row = {"type": "file", "oid": entry.oid, "size": entry.size, "path": path}
    if entry.pointer is not None:
        row["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": entry.pointer}
    if entry.xet:
        row["xetHash"] = entry.xet
    return row


def _commit_row(commit: Commit) -> dict:
    row = {"id": commit.id, "title": commit.title, "message": commit.message}
    return row | {"authors": [{"user": commit.user, "avatar": ""}], "date": iso(commit.date)}


def card_errors(text: str) -> list[dict]:
    """Far less than the Hub checks: that the YAML is there, parses, and has a licence in words."""
    found = re.match(r"---\r?\n(.*?)\r?\n---\r?\n", text, re.DOTALL)
    if not found:
        return []
    try:
        metadata = yaml.safe_load(found[1])
    except yaml.YAMLError as error:
        return [{"message": f"YAML Metadata Error: {error}".splitlines()[0]}]
    if not isinstance(metadata, dict) or not isinstance(metadata.get("license", ""), str | list):
        return [{"message": '"license" must be a string'}]
    return []
