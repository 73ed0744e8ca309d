"""The other origin: bytes of large files, by LFS and by Xet."""

from __future__ import annotations

import hashlib
import re

from tests.loophub.repos import Refusal
from tests.loophub.server import Handler


class StoreHandler(Handler):
    side = "store"

    def route(self) -> None:
        parts = self.route_path.strip("/").split("/")
        if parts[0] == "lfs" and self.command == "PUT":
            if hashlib.sha256(self.body).hexdigest() != parts[1]:
                raise Refusal(400, "these are not the bytes of that hash")
            self.hub.keep(self.body)
            return self.send(200)
        if parts[0] == "object" and self.command in ("GET", "HEAD"):
            return self.send_file(self.hub.whole(parts[1]), {"ETag": f'"{parts[1]}"'})
        if parts[0] == "cas":
            return self.cas(parts[1:])
        if self.route_path == "/v1/telemetry":
            return self.send(200, {})
        raise Refusal(404, "no such object")

    def cas(self, parts: list[str]) -> None:
        xet = self.hub.xet
        if self.command == "POST" and parts[:2] == ["v1", "xorbs"]:
            new = not xet.xorb(parts[3]).exists()
            xet.xorb(parts[3]).write_bytes(self.body)
            return self.send(200, {"was_inserted": new})
        if self.command == "POST" and parts == ["v2", "shards"]:
            with self.hub.lock:
                xet.add_shard(self.body)
            return self.send(200, b'{"type":"result"}\n', mime="application/x-ndjson")
        if self.command == "GET" and parts[:2] == ["v1", "xorbs"]:
            return self.send_file(xet.xorb(parts[3]), {})
        if self.command == "GET" and parts[:2] == ["v2", "reconstructions"]:
            size = xet.size(parts[2])
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            first, last = (int(asked[1]), int(asked[2])) if asked else (0, size - 1)
            if first >= size:
                raise Refusal(416, "out of range")
            return self.send(200, xet.reconstruction(parts[2], first, min(last, size - 1)))
        # Questions for chunks of other repositories, and for grants: there are none.
        raise Refusal(404, "not here")
