"""What the Hub keeps of Xet: xorbs of chunks, and files as ranges of them.

A xorb is a row of chunks, each behind an 8-byte header: version, compressed length (3 bytes),
scheme and length (3 bytes). A shard tells which chunks of which xorbs make a file, and the file's
SHA-256, by which a commit finds it. A hash prints as four little-endian 64-bit numbers.
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from pathlib import Path

import hf_xet

_RECORD = 48
_HAS_VERIFICATION, _HAS_METADATA = 1 << 31, 1 << 30


@dataclass(frozen=True)
class Segment:
    """A run of chunks of one xorb: `size` bytes once unpacked."""

    xorb: str
    size: int
    first: int
    end: int


def print_hash(raw: bytes) -> str:
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", raw))


def read_shard(shard: bytes) -> dict[str, tuple[list[Segment], str | None]]:
    """File hash → its segments and its SHA-256."""
    at, files = _RECORD, {}
    while True:
        name, flags, count, _ = struct.unpack_from("<32sIIQ", shard, at)
        at += _RECORD
        if name == b"\xff" * 32:
            return files
        segments = []
        for _ in range(count):
            xorb, _, size, first, end = struct.unpack_from("<32sIIII", shard, at)
            segments.append(Segment(print_hash(xorb), size, first, end))
            at += _RECORD
        if flags & _HAS_VERIFICATION:
            at += _RECORD * count
        sha256 = None
        if flags & _HAS_METADATA:
            sha256 = print_hash(shard[at : at + 32])
            at += _RECORD
        files[print_hash(name)] = (segments, sha256)


def chunk_offsets(xorb: bytes) -> list[int]:
    """Where each chunk of a xorb begins, and where the last ends."""
    at, offsets = 0, []
    while at + 8 <= len(xorb) and xorb[at : at + 7] != b"XETBLOB":
        offsets.append(at)
        at += 8 + int.from_bytes(xorb[at + 1 : at + 4], "little")
    return [*offsets, at]


class Xet:
    """The content-addressed store."""

    def __init__(self, root: Path, store_url: str) -> None:
        self.root, self.url = root, f"{store_url}/cas"
        self.segments: dict[str, list[Segment]] = {}
        self.files_by_sha256: dict[str, str] = {}

    def xorb(self, name: str) -> Path:
        return self.root / "xorbs" / name

    def add_shard(self, shard: bytes) -> None:
        for name, (segments, sha256) in read_shard(shard).items():
            self.segments[name] = segments
            if sha256:
                self.files_by_sha256[sha256] = name

    def size(self, name: str) -> int:
        return sum(segment.size for segment in self.segments[name])

    def complete(self, name: str) -> bool:
        """Whether every xorb of a file is here."""
        return all(self.xorb(segment.xorb).exists() for segment in self.segments[name])

    def content(self, sha256: str) -> bytes:
        """A file's bytes, put together by hf_xet itself from this very store."""
        name = self.files_by_sha256[sha256]
        size = self.size(name)
        target = self.root / f"whole-{name}"
        session = hf_xet.XetSession()
        with session.new_file_download_group(
            endpoint=self.url, token="internal", token_expiry_unix_secs=int(time.time()) + 3600
        ) as group:
            group.start_download_file(hf_xet.XetFileInfo(name, size), str(target))
        content = target.read_bytes()
        target.unlink()
        return content

    def reconstruction(self, name: str, first: int, last: int) -> dict:
        """Which ranges of which xorbs give the bytes `first` to `last` of a file."""
        at, skip, terms, xorbs = 0, None, [], {}
        for part in self.segments[name]:
            if at + part.size > first and at <= last:
                skip = first - at if skip is None else skip
                offsets = chunk_offsets(self.xorb(part.xorb).read_bytes())
                chunks = {"start": part.first, "end": part.end}
                inside = {"start": offsets[part.first], "end": offsets[part.end] - 1}
                terms.append({"hash": part.xorb, "unpacked_length": part.size, "range": chunks})
                url = f"{self.url}/v1/xorbs/default/{part.xorb}"
                ranges = [{"chunks": chunks, "bytes": inside}]
                xorbs.setdefault(part.xorb, []).append({"url": url, "ranges": ranges})
            at += part.size
        return {"offset_into_first_range": skip or 0, "terms": terms, "xorbs": xorbs}
