"""Which split a file, a folder or a split of the Hub is, by the words of its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

WORDS = {
    "train": ("train", "training"),
    "validation": (
        *("validation", "valid", "val", "dev", "devel", "development"),
        *("eval", "evaluation"),
    ),
    "test": ("test", "testing", "heldout", "holdout"),
}
SPLIT_OF = {word: split for split, words in WORDS.items() for word in words}
_SUFFIX = re.compile("(set|data|split)$")
HELD_OUT_FIRST = ("test", "validation", "train")


def find_split(name: str) -> str | None:
    """The split that a name says; a held-out one where it says several, None where none."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)  # testData
    words = re.split(r"[^a-z]+", apart.lower())
    words += [first + second for first, second in pairwise(words)]  # held-out
    said = {SPLIT_OF[bare] for word in words if (bare := _SUFFIX.sub("", word)) in SPLIT_OF}
    return next((split for split in HELD_OUT_FIRST if split in said), None)


def find_file_split(
    parts: Sequence[str], root: str = "", siblings: Iterable[str] = ()
) -> str | None:
    """The split of a file in a folder.

    Args:
        parts: of its path inside the folder, the file's name last.
        root: name of the folder itself. It counts only when it is nothing but a split's word and
            another split lies beside it: many keep their work in a folder called `dev`.
        siblings: names of the folders and data files that lie where the folder lies.
    """
    for part in reversed(parts):
        if found := find_split(part):
            return found
    own = SPLIT_OF.get(root.lower())
    others = {SPLIT_OF.get(name.lower().partition(".")[0]) for name in siblings} - {own, None}
    return own if others else None
