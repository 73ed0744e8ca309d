"""The server: two listeners, users, stored bytes, a log of requests and faults on demand."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import secrets
import shutil
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.loophub.repos import Entry, Refusal, Repo, git_name
from tests.loophub.xet import Xet

USERS = {
    "hf_alice_write": {"name": "alice", "role": "write", "orgs": ("acme",)},
    "hf_alice_read": {"name": "alice", "role": "read", "orgs": ("acme",)},
    "hf_bob_write": {"name": "bob", "role": "write", "orgs": ()},
}


@dataclass
class Fault:
    """What goes wrong with the next requests whose method and path match.

    Attributes:
        path: searched for in the path with its query.
        method: matched whole.
        status: answered instead of the request being done.
        drop: close the connection: "before" the request is done, or "after".
        truncate: do it, and send that many bytes of the answer.
        delay: seconds before it is done.
        times: how many requests.
        skip: how many matching requests go through before.
    """

    path: str
    method: str = ".*"
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "injected"
    drop: str | None = None
    truncate: int | None = None
    delay: float = 0.0
    times: int = 1
    skip: int = 0
    call: Callable[[], None] | None = None


@dataclass(frozen=True)
class Request:
    """A request as it was answered; status 0: the connection was closed instead."""

    side: str
    method: str
    path: str
    status: int
    token: bool


class LoopHub:
    """The Hub. Use it as a context manager.

    Args:
        xet: whether large files may go through Xet.
        page_size: entries of a listing's page.
    """

    def __init__(self, xet: bool = True, page_size: int = 1000) -> None:
        from tests.loophub.api import HubHandler
        from tests.loophub.store import StoreHandler

        self.root = Path(tempfile.mkdtemp(prefix="loophub-"))
        (self.root / "blobs").mkdir()
        (self.root / "xorbs").mkdir()
        self.use_xet, self.page_size = xet, page_size
        self.lock = threading.RLock()
        self.repos: dict[str, Repo] = {}
        self.faults: list[Fault] = []
        self.active = 0
        self.log: list[Request] = []
        self._listeners = [_listen(self, HubHandler), _listen(self, StoreHandler)]
        self.endpoint, self.store_url = (
            f"http://127.0.0.1:{listener.server_address[1]}" for listener in self._listeners
        )
        self.xet = Xet(self.root, self.store_url)

    def __enter__(self) -> LoopHub:
        for listener in self._listeners:
            threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for listener in self._listeners:
            listener.shutdown()
            listener.server_close()
        shutil.rmtree(self.root, ignore_errors=True)

    def reset(self) -> None:
        """Forgets faults and the log, not the repositories."""
        with self.lock:
            self.faults.clear()
            self.log.clear()

    def fault(self, path: str, **what: object) -> None:
        with self.lock:
            self.faults.append(Fault(path, **what))  # type: ignore[arg-type]

    def take_fault(self, method: str, path: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                matches = re.fullmatch(fault.method, method) and re.search(fault.path, path)
                if not matches or fault.times <= 0:
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    # -- bytes by their SHA-256

    def blob(self, sha256: str) -> Path:
        return self.root / "blobs" / sha256

    def keep(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        if not self.blob(sha256).exists():
            partial = self.blob(f"{sha256}.{secrets.token_hex(4)}")
            partial.write_bytes(content)
            partial.replace(self.blob(sha256))
        return sha256

    def small(self, content: bytes) -> Entry:
        return Entry(git_name(content), len(content), self.keep(content))

    def large(self, sha256: str) -> Entry | None:
        """The entry of an uploaded large file, None if its bytes are not all here."""
        xet = self.xet.files_by_sha256.get(sha256) if self.use_xet else None
        if self.blob(sha256).exists():
            size = self.blob(sha256).stat().st_size
        elif xet is not None and self.xet.complete(xet):
            size = self.xet.size(xet)
        else:
            return None
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
        return Entry(git_name(pointer.encode()), size, sha256, len(pointer), xet)

    def whole(self, sha256: str) -> Path:
        """A file's bytes; those sent through Xet are put together when first asked for."""
        if not self.blob(sha256).exists():
            self.keep(self.xet.content(sha256))
        return self.blob(sha256)

    # -- going back

    def snapshot(self) -> Callable[[], None]:
        """What brings the Hub back to what it is now: repositories and bytes, faults and log."""
        with self.lock:
            repos = copy.deepcopy(self.repos)
            xet = (dict(self.xet.segments), dict(self.xet.files_by_sha256))
            kept = set(self.root.rglob("*"))

        def restore() -> None:
            # A request that its client gave up on is still done, and not in what comes next.
            while self.active:
                time.sleep(0.01)
            with self.lock:
                self.reset()
                self.repos = copy.deepcopy(repos)
                self.xet.segments, self.xet.files_by_sha256 = dict(xet[0]), dict(xet[1])
                for path in set(self.root.rglob("*")) - kept:
                    path.unlink()

        return restore

    # -- what tests look at

    def repo(self, name: str, kind: str = "datasets") -> Repo:
        return self.repos[f"{kind}/{name}"]

    def tree(self, name: str, kind: str = "datasets", revision: str = "main") -> dict[str, str]:
        """Path → SHA-256 at a revision."""
        tree = self.repo(name, kind).at(revision).tree
        return {path: entry.sha256 for path, entry in sorted(tree.items())}


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        # A client that drops its keep-alive socket is no error.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def _listen(hub: LoopHub, handler: type[Handler]) -> _Listener:
    return _Listener(("127.0.0.1", 0), type(handler.__name__, (handler,), {"hub": hub}))


class Handler(BaseHTTPRequestHandler):
    """What both listeners share: reading a request, faults, answering, the log."""

    protocol_version = "HTTP/1.1"
    hub: LoopHub
    side = ""

    def log_message(self, *_: object) -> None:
        pass

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def route(self) -> None:
        raise NotImplementedError

    def handle_one(self) -> None:
        address = urlsplit(self.path)
        self.route_path = address.path
        self.query = parse_qs(address.query, keep_blank_values=True)
        self.body = self._read_body()
        self.fault = self.hub.take_fault(self.command, self.path)
        with self.hub.lock:
            self.hub.active += 1
        try:
            self._answer()
        except (_Dropped, BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except Exception as error:  # a bug of this server must show up as one
            traceback.print_exc()
            self.send(500, {"error": f"{type(error).__name__}: {error}"})
        finally:
            with self.hub.lock:
                self.hub.active -= 1

    def _answer(self) -> None:
        try:
            self._fail_first()
            self.route()
        except Refusal as refusal:
            self.send(refusal.status, refusal.body, refusal.headers)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_one

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _fail_first(self) -> None:
        fault = self.fault
        if fault is None:
            return
        if fault.call:
            fault.call()
        time.sleep(fault.delay)
        if fault.drop == "before":
            self._drop()
        if fault.status:
            raise Refusal(fault.status, fault.message, headers=fault.headers)

    def _drop(self) -> None:
        self._note(0)
        self.connection.shutdown(socket.SHUT_RDWR)
        raise _Dropped

    def _note(self, status: int) -> None:
        token = "Authorization" in self.headers
        with self.hub.lock:
            self.hub.log.append(Request(self.side, self.command, self.path, status, token))

    def json(self) -> dict:
        return json.loads(self.body or b"{}")

    def send(
        self,
        status: int,
        body: object = b"",
        headers: dict[str, str] | None = None,
        mime: str = "application/json; charset=utf-8",
    ) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        if self.fault and self.fault.drop == "after":
            self._drop()
        self._note(status)
        self.send_response(status)
        self.send_header("Content-Type", mime)
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.fault and self.fault.truncate is not None:
            self.wfile.write(content[: self.fault.truncate])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            raise _Dropped
        self.wfile.write(content)

    def send_file(self, path: Path, headers: dict[str, str]) -> None:
        """A file, or the range of it that was asked for."""
        size = path.stat().st_size
        first, last, status = 0, size - 1, 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        headers = {"Accept-Ranges": "bytes", **headers}
        if asked:
            first = int(asked[1])
            last = min(last, int(asked[2])) if asked[2] else last
            if first > last:
                raise Refusal(416, "range", headers={"Content-Range": f"bytes */{size}"})
            status, headers["Content-Range"] = 206, f"bytes {first}-{last}/{size}"
        with path.open("rb") as file:
            file.seek(first)
            self.send(status, file.read(last - first + 1), headers, "application/octet-stream")


class _Dropped(Exception):
    """The connection was closed on purpose."""
