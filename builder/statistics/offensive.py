"""Texts with a word of a public list of offensive English words and phrases.

The list counts words, not intent: it has many that are harmless where they stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from builder.errors import ConfigError
from dimsum.metrics.words import split_words

SHIPPED = Path(__file__).parent.parent / "words" / "offensive.txt"


@dataclass(frozen=True)
class OffensiveWords:
    """A list made ready.

    Attributes:
        name: of its file, with the start of its hash.
        singles: entries of one word.
        phrases: entries of several words, by their first.
        marks: entries without a letter or digit (an emoji).
    """

    name: str
    singles: frozenset[str]
    phrases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    marks: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path = SHIPPED) -> OffensiveWords:
        """Read a list, one entry a line; lines that begin with # are comments.

        Raises:
            ConfigError: no such file, or nothing in it.
        """
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise ConfigError(
                f"the word list {path} is not UTF-8",
                hint="it may be latin-1 or cp1252; save it as UTF-8",
            ) from error
        except OSError as error:
            raise ConfigError(
                f"no word list at {path}: {error.strerror}", hint="check the path"
            ) from error
        entries = [line.strip() for line in text.splitlines() if not line.startswith("#")]
        entries = [entry for entry in entries if entry]
        if not entries:
            raise ConfigError(
                f"the word list {path} is empty", hint="one word a line, as UTF-8 text"
            )
        singles, phrases, marks = set(), dict[str, tuple[str, ...]](), []
        for entry in entries:
            words = split_words(entry)
            if not words:
                marks.append(entry)
            elif len(words) == 1:
                singles.add(words[0])
            else:
                phrases[words[0]] = (*phrases.get(words[0], ()), f" {' '.join(words)} ")
        name = f"{path.name}@{sha256(text.encode()).hexdigest()[:8]}"
        return cls(name, frozenset(singles), phrases, tuple(marks))

    def matches(self, words: Sequence[str], text: str) -> bool:
        """Whether a text, given with its plain words, has an entry of the list."""
        if not self.singles.isdisjoint(words):
            return True
        if not self.phrases.keys().isdisjoint(words):
            joined = f" {' '.join(words)} "
            if any(p in joined for w in words for p in self.phrases.get(w, ())):
                return True
        return not text.isascii() and any(mark in text for mark in self.marks)
