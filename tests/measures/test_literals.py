"""Measures are named in their own files; nothing downstream knows one by hand."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pyarrow as pa

import builder
from builder.measures.registry import load_registry
from dimsum import schema

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


def named_in(path: Path, columns: set[str]) -> set[str]:
    """The columns that a file's text constants name, alone or among other words; no docstrings."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    said = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    constants = [node for node in nodes if isinstance(node, ast.Constant) and id(node) not in said]
    words = {word for one in constants for word in re.findall(r"\w+", str(one.value).lower())}
    return words & columns


def test_the_schema_of_a_release_takes_its_measures_from_the_registry() -> None:
    assert not named_in(Path(schema.__file__), set(load_registry().columns))
    assert load_registry().schema().names == [
        *("id", "source", "target", "task", "control", "domain", "method", "round", "context"),
        *("entail_forward", "entail_backward", "rouge_l", "compression", "density"),
        *("context_id", "teacher"),
    ]
    assert {field.name for field in load_registry().schema() if field.type == pa.float32()} == {
        *("entail_forward", "entail_backward", "rouge_l", "compression", "density")
    }
    assert not any(field.nullable for field in load_registry().schema())
    assert load_registry().schema(syntax=True).names[-1] == schema.SYNTAX.name


def test_no_reader_names_a_measure() -> None:
    columns = set(load_registry().columns)
    assert all(any(ROOT.glob(pattern)) for pattern in READERS)
    named = {
        path.relative_to(ROOT).as_posix(): found
        for pattern in READERS
        for path in ROOT.glob(pattern)
        if (found := named_in(path, columns))
    }
    assert named.pop("stages/splits.py") <= WORDING
    assert named == {}
