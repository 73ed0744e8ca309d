"""Text into Markdown: whatever it holds, it stays text.

The card's templates print nothing that did not pass through here. Characters that mean something
to Markdown, HTML or a table become numeric entities, which no Markdown parser reads as markup.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import quote

#: An underscore between letters or digits never opens or closes emphasis, and stays as it is.
_SPECIAL = re.compile(r"[&<>|`*\[\]{}\\~#$@]|(?<![^\W_])_|_(?![^\W_])")
#: What GitHub-flavoured Markdown turns into a link by itself.
_AUTOLINK = re.compile(r"(?i)(?<=http)s?:(?=//)|(?<=www)\.|(?<=ftp):(?=//)|(?<=mailto):")
_BLOCK_START = re.compile(r"^(\d*)([-+=:.)])")
#: What may stand between backticks as it is, in a table too.
_PLAIN_CODE = re.compile(r"[\w./:@+*=<>()\[\], -]*\w[\w./:@+*=<>()\[\], -]*")


class Markdown(str):
    """Text that is Markdown already and is printed as it stands."""

    __slots__ = ()


def join_lines(text: str) -> str:
    """Text on one line: control, format and direction characters out, white space to one space."""
    visible = (c if c.isspace() or unicodedata.category(c) not in _UNSEEN else "" for c in text)
    return " ".join("".join(visible).split())


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def encode_entities(character: str) -> str:
    """The numeric entity of each character of a short string."""
    return "".join(f"&#{ord(c)};" for c in character)


def escape(text: object) -> Markdown:
    """Any value as inert Markdown text on one line, fit for a table's cell."""
    if isinstance(text, Markdown):
        return text
    line = join_lines(str(text))
    line = _SPECIAL.sub(lambda m: encode_entities(m[0]), line)
    return Markdown(_AUTOLINK.sub(lambda m: encode_entities(m[0]), line))


def escape_paragraph(text: object) -> Markdown:
    """Any value as text that starts a line: no list, ruler or heading begins with it."""
    return Markdown(_BLOCK_START.sub(lambda m: m[1] + encode_entities(m[2]), escape(text)))


def format_code(text: object) -> Markdown:
    """A name in code type, or plain escaped text where backticks could not hold it."""
    line = join_lines(str(text))
    return Markdown(f"`{line}`") if _PLAIN_CODE.fullmatch(line) else escape(line)


def format_literal(text: object) -> Markdown:
    """A Python string literal, for use inside a fenced block."""
    return Markdown(json.dumps(join_lines(str(text)), ensure_ascii=False).replace("`", "\\x60"))


def format_bibtex(kind: str, key: str, fields: Mapping[str, str]) -> Markdown:
    """A BibTeX entry, for use inside a fenced block: braces balance, no field ends early."""
    lines = [
        f"  {name} = {{{_format_bibtex_value(name, value)}}}," for name, value in fields.items()
    ]
    return Markdown("\n".join([f"@{kind}{{{key},", *lines, "}"]))


def _format_bibtex_value(name: str, value: str) -> str:
    plain = re.sub(r"[\\{}]", "", join_lines(value)).replace("`", "'")
    return plain if name == "url" else re.sub(r"([&%$#_])", r"\\\1", plain)


def format_href(path: object) -> Markdown:
    """A relative path or the path of an address, as the target of a link."""
    return Markdown(quote(join_lines(str(path)), safe="/"))


def format_count(value: int) -> Markdown:
    """An integer with thousands apart."""
    return Markdown(f"{value:,}")


def format_number(value: float | None, digits: int = 3) -> Markdown:
    """A measured number, or a dash where nothing was measured; from 10 on with one digit less."""
    if value is None:
        return Markdown("–")
    digits -= abs(value) >= 10
    return Markdown(f"{value:,.{digits}f}")


def shorten(identifier: object) -> Markdown:
    """A revision or a hash in code type, each long run of hex digits cut to its first twelve."""
    return format_code(re.sub(r"\b([0-9a-f]{12})[0-9a-f]+\b", r"\1", join_lines(str(identifier))))


def format_share(part: float, whole: float = 1.0) -> Markdown:
    """A share in per cent."""
    return Markdown("–" if whole == 0 else f"{100 * part / whole:.1f}%")


def format_size(value: int) -> Markdown:
    """A number of bytes in the unit that suits it (decimal)."""
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return Markdown(f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}")
        amount /= 1000
    return Markdown(f"{amount:.1f} TB")


def format_duration(seconds: float) -> Markdown:
    """Seconds in the unit that suits them."""
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= length:
            return Markdown(f"{seconds / length:.1f} {unit}")
    return Markdown(f"{seconds:.1f} s")
