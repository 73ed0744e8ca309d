"""No module outside dimsum/tasks names a task, so that a new one needs no change anywhere else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dimsum.tasks.registry import SHIPPED

ROOT = Path(__file__).parents[2]
WORDS = {
    word
    for task in SHIPPED
    for word in (task.name, task.name.replace("_", " "), task.noun, task.plural, *task.code_names)
}
TASK = re.compile(
    rf"(?i)(?<![\w-])(for_)?({'|'.join(map(re.escape, sorted(WORDS, key=len)[::-1]))})\b"
)
"""A task, in one word or several, or one of its control codes."""

IMPORTS = {
    "dimsum/student.py": "summarize and paraphrase are methods of the shipped tasks",
    "builder/statistics/pairs.py": "the share of abstractive targets is a published statistic",
}
"""Files outside dimsum/tasks that may import a definition, and why."""

MODULES = [
    path
    for package in ("builder", "dimsum", "cards")
    for path in sorted((ROOT / package).rglob("*.py"))
    if (ROOT / "dimsum/tasks") not in path.parents
]
PAGES = [
    path
    for package in ("builder", "dimsum", "cards")
    for pattern in ("*.j2", "*.js", "*.css")
    for path in sorted((ROOT / package).rglob(pattern))
]


def strings(tree: ast.Module) -> Iterator[ast.Constant]:
    """String literals that a program can compare or print: no docstrings, no bare strings."""
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node


def named(source: str) -> list[str]:
    """Lines of a module that name a task in a string."""
    return [
        f"{node.lineno}: {node.value!r}"
        for node in strings(ast.parse(source))
        if TASK.search(str(node.value))
    ]


def imported(source: str) -> list[int]:
    """Lines of a module that import one of the definitions."""
    modules = {f"dimsum.tasks.{task.name}" for task in SHIPPED}
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module in modules
    ]


@pytest.mark.parametrize("check", [named, imported])
def test_no_module_names_a_task(check: object) -> None:
    allowed = {} if check is named else IMPORTS
    found = {
        str(path.relative_to(ROOT)): lines
        for path in MODULES
        if (lines := check(path.read_text("utf-8")))  # type: ignore[operator]
    }
    assert {path: lines for path, lines in found.items() if path not in allowed} == {}
    assert set(found) == set(allowed), "what is allowed is needed"


def test_no_page_names_a_task() -> None:
    words = re.compile(
        r"(?i)paraphrase|summaries|simplification|[\"'](summary|deletion)\b|by deletion"
    )
    found = [str(path) for path in PAGES if words.search(path.read_text("utf-8"))]
    assert found == []


def test_the_scan_sees_what_it_should() -> None:
    """What it is to find, in the forms that it could take."""
    for line in (
        'x = task == "summary"',
        'x = row["for_paraphrase"]',
        "x = f'{n} summaries'",
        'x = {"short-abstractive": 1}',
        'def f():\n    """A summary."""\n    return "a Paraphrase"',
        'x = "paragraph_summary" + y',
        "x = f'{n} compressions by deletion'",
        'x = {"hard-deletion": 1}',
    ):
        assert len(named(line)) == 1
    assert named('"""A summary of what a module does."""\nx = "summarization"') == []
    assert imported("from dimsum.tasks.summary import SUMMARY") == [1]
