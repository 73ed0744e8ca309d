"""What a user reads is in the field's words: cards, reports, guidelines, help, messages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
AVOIDED = re.compile(r"(?i)\b(besides?|told|trouble|victims?|bunch|kept)\b")
"""Words for which the field has better ones."""
TEXTS = [
    *sorted((ROOT / "cards/templates").glob("*.j2")),
    *sorted((ROOT / "builder/audit").glob("*.md")),
    ROOT / "builder/report/page/page.html.j2",
    ROOT / "builder/audit/page/sheet.html.j2",
]
NAMES = re.compile(r"\{[{%].*?[%}]\}|\w+\.kept")
"""Names inside a template are the document's."""


def help_texts(source: str) -> Iterator[str]:
    """Help of options, docstrings of commands, and hints of errors."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.keyword) and node.arg in ("help", "hint"):
            yield from (
                part.value
                for part in ast.walk(node.value)
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            )
        if isinstance(node, ast.FunctionDef) and any(
            isinstance(made, ast.Call) and isinstance(made.func, ast.Attribute)
            for made in node.decorator_list
        ):
            yield ast.get_docstring(node) or ""


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_pages_and_cards(path: Path) -> None:
    text = NAMES.sub("", path.read_text("utf-8"))
    assert AVOIDED.findall(text) == []


def test_help_and_hints() -> None:
    paths = [
        path
        for package in ("builder", "dimsum")
        for path in (ROOT / package).rglob("commands/*.py")
    ]
    found = {
        f"{path.relative_to(ROOT)}: {text}"
        for path in paths
        for text in help_texts(path.read_text("utf-8"))
        if AVOIDED.search(text)
    }
    assert found == set()
    seen = [text for path in paths for text in help_texts(path.read_text("utf-8"))]
    assert len(seen) > 200
