"""Texts that people write by hand, read as UTF-8."""

from __future__ import annotations

from pathlib import Path

from cards.errors import CardError


def read_text(path: Path) -> str:
    """A file's text.

    Raises:
        CardError: it is not UTF-8, with the line.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise CardError(
            f"{path}, line {line}, is not UTF-8 (byte 0x{content[error.start]:02x})",
            hint="it may be latin-1 or cp1252; save it as UTF-8",
        ) from error
