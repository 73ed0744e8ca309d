"""The part of the lint that finds what is nobody's business: tokens, paths, machines, users."""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib import resources
from pathlib import Path

from cards.findings import CARD, Finding, Level

#: An access token of the Hub.
_TOKEN = re.compile(r"\b(?:hf|api_org)_[A-Za-z0-9]{20,}\b")
#: An absolute path on somebody's machine. Addresses (`https://...`) and relative paths are none.
_PATH = re.compile(
    r"(?<![\w.~:/-])(?:file://)?/(?:home|Users|root|tmp|var|mnt|media|opt|srv|data|scratch|private"
    r"|workspace|work|content|kaggle|gpfs|lustre|nfs|Volumes|usr|etc|export)/[^\s\"'`<>|)\]},]+"
    r"|(?<![\w.:/-])~/[^\s\"'`<>|)\]},]+"
    r"|\b[A-Za-z]:(?:\\{1,2}|/)(?!/)[^\s\"'`<>|)\]},]+"
)
_SUFFIXES = frozenset({".json", ".jsonl", ".yaml", ".yml", ".md", ".txt", ".toml", ".cfg"})
_LARGEST = 10_000_000
#: Of a tokenizer: their words are those of the texts it was made from.
_VOCABULARIES = frozenset({"tokenizer.json", "vocab.json", "vocab.txt", "merges.txt"})
#: Names that say nothing of anybody.
_COMMON = frozenset(
    [
        "root",
        "user",
        "users",
        "ubuntu",
        "admin",
        "runner",
        "jenkins",
        "docker",
        "nobody",
        "home",
        "build",
        "test",
        "work",
        "data",
        "localhost",
        "local",
        "host",
        "computer",
        "desktop",
        "laptop",
        "server",
    ]
)
_SHORTEST = 4
"""Letters of a name that is looked for; a shorter one is a word of many texts."""


def find_private(folder: Path, card: str) -> Iterator[Finding]:
    """Access tokens, absolute local paths, and the names of this machine and of its user.

    Of a token not a letter is repeated. Rows of data that stand in the card, in tables, may hold
    anything that texts hold: a path in them is a warning, and so is a name that is a word of theirs
    (there are users called rose and mark), wherever it stands.
    """
    names = {kind: _match_word(name) for kind, name in _find_names_here().items()}
    rows = "\n".join(line for line in card.splitlines() if line.startswith("|"))
    of_data = {kind for kind, pattern in names.items() if pattern.search(rows)}
    for where, text in _read_texts(folder, card).items():
        if _TOKEN.search(text):
            yield Finding("error", "secret", where, "it holds what looks like an access token")
        if Path(where).name in _VOCABULARIES:
            continue
        yield from _find_paths(where, text)
        for kind, pattern in names.items():
            if found := pattern.search(text):
                message = f"it holds the name of {kind}, {found[0]}"
                level: Level = "warning" if kind in of_data else "error"
                yield Finding(level, "private-name", where, message)


def _find_paths(where: str, text: str) -> Iterator[Finding]:
    lines = text.splitlines()
    rows = "\n".join(line for line in lines if where == CARD and line.startswith("|"))
    prose = "\n".join(line for line in lines if not (where == CARD and line.startswith("|")))
    found = dict.fromkeys(match[0].rstrip(".:;") for match in _PATH.finditer(prose))
    for path in found:
        message = f"it holds a path of one machine, {path}"
        yield Finding("error", "local-path", where, message)
    for path in dict.fromkeys(match[0] for match in _PATH.finditer(rows)):
        if path not in found:
            message = f"a table holds what looks like a path of one machine, {path}"
            yield Finding("warning", "local-path", where, message)


def _read_texts(folder: Path, card: str) -> dict[str, str]:
    """The card and the small text files beside it, by their paths in the release."""
    texts = {CARD: card}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in name.parts)
        if hidden or not path.is_file() or name.as_posix() == CARD:
            continue
        if path.suffix in _SUFFIXES and path.stat().st_size < _LARGEST:
            texts[name.as_posix()] = path.read_text(encoding="utf-8", errors="replace")
    return texts


def _find_names_here() -> dict[str, str]:
    """What this machine and its user are called, where that is the name of somebody."""
    found = {"this machine": socket.gethostname().partition(".")[0]}
    with suppress(KeyError, OSError):  # a user may be without a name
        found["a user of this machine"] = getpass.getuser()
    return {
        kind: name
        for kind, name in found.items()
        if len(name) >= _SHORTEST and name.lower() not in _COMMON | _list_card_words()
    }


@cache
def _list_card_words() -> frozenset[str]:
    """Words that stand in every card, whoever made it."""
    templates = resources.files("cards").joinpath("templates")
    texts = [one.read_text("utf-8") for one in templates.iterdir() if one.name.endswith(".j2")]
    return frozenset(re.findall(r"\w+", "\n".join(texts).lower()))


def _match_word(name: str) -> re.Pattern[str]:
    """The name as a word; not where it is a namespace of the Hub, which has the right to be."""
    return re.compile(rf"(?<![\w/.-]){re.escape(name)}(?![\w/-])")
