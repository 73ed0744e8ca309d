"""Measures are named in their own files; nothing downstream knows one by hand."""

from __future__ import annotations

import ast
from pathlib import Path

import builder
from builder.measures.registry import registry

ROOT = Path(builder.__file__).parent
READERS = (
    "config/*.py",
    "decide.py",
    "facts/*.py",
    "release.py",
    "rescore.py",
    "rejects.py",
    "store.py",
    "report/*.py",
    "stages/*.py",
    "statistics/counts.py",
)
WORDING = {"compression", "rouge_l", "density"}
"""The control codes are defined on these three: `Wording` in dimsum/tasks/base.py."""


def texts(path: Path) -> set[str]:
    """Text constants of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_no_reader_names_a_measure() -> None:
    columns = set(registry().columns)
    assert all(any(ROOT.glob(pattern)) for pattern in READERS)
    named = {
        path.relative_to(ROOT).as_posix(): found
        for pattern in READERS
        for path in ROOT.glob(pattern)
        if (found := texts(path) & columns)
    }
    assert named.pop("stages/splits.py") <= WORDING
    assert named == {}
