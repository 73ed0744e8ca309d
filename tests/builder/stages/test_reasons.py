"""Every reason that the code can give has an explanation, found by reading the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import builder
from builder.stages.reasons import REASONS, explain_reason

ROOT = Path(builder.__file__).parent
GIVES = ("stages/*.py", "methods/*.py", "sampling.py", "sentences.py", "decide.py")
"""Files in which rows are rejected."""


def sources() -> list[Path]:
    found = [path for pattern in GIVES for path in sorted(ROOT.glob(pattern))]
    return [path for path in found if path.name != "reasons.py"]


def texts(expression: ast.AST, constants: dict[str, ast.expr]) -> Iterator[str]:
    """Text constants that an expression may come to, keys of subscripts aside."""
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        yield expression.value
    elif isinstance(expression, ast.Name) and expression.id in constants:
        yield from texts(constants[expression.id], {})
    elif isinstance(expression, ast.Subscript):
        yield from texts(expression.value, constants)
    elif not isinstance(expression, ast.Compare):
        for child in ast.iter_child_nodes(expression):
            yield from texts(child, constants)


def reasons_in(code: str) -> set[str]:
    """What is assigned to, passed as or stored under a name of reason, or returned as one."""
    tree = ast.parse(code)
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    given: list[ast.expr | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
            given += [v for k, v in zip(keys, node.values, strict=True) if k == "reason"]
        elif isinstance(node, ast.Call):
            given += [one.value for one in node.keywords if one.arg == "reason"]
        elif isinstance(node, ast.Assign):
            names = [ast.unparse(target).lower() for target in node.targets]
            if any(re.search(r"\breasons?\b", name) for name in names):
                given.append(node.value)
        elif isinstance(node, ast.FunctionDef) and re.search(r"fault|reason|decide", node.name):
            given += [one.value for one in ast.walk(node) if isinstance(one, ast.Return)]
    found = {text.lstrip(".") for one in given if one for text in texts(one, constants)}
    return {text for text in found if re.fullmatch(r"[a-z]+(_[a-z]+)*", text)} - {"reason"}


def test_the_reader_of_code_sees_every_way_of_giving_a_reason() -> None:
    code = """
BELOW = "by_constant"
def _fault(x):
    if x: return "by_return"
    reason = "by_assignment" if x else None
    reason = reason or "by_or"
    rejects.append({**row, "reason": "by_key"})
    rejects.append({"reason": f"{row['task']}.by_format"})
    row["reason"] = BELOW
    Draw(place, reason="by_keyword")
    reasons = array(where(x == "not_one", BELOW, "by_call"))
"""
    names = ("constant", "return", "assignment", "or", "key", "format", "keyword", "call")
    assert reasons_in(code) == {f"by_{name}" for name in names}


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_reason_is_explained(path: Path) -> None:
    assert reasons_in(path.read_text(encoding="utf-8")) <= set(REASONS)


def test_no_explanation_without_its_reason() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources())
    assert not {reason for reason in REASONS if not re.search(rf'["}}.]{reason}"', code)}


def test_meanings() -> None:
    measures = {"rouge_l": "ROUGE-L"}
    assert explain_reason("rouge_l", measures) == "ROUGE-L"
    assert explain_reason("summary.rouge_l", measures) == "closest to being a summary, but: ROUGE-L"
    assert explain_reason("summary.near_duplicate", measures) == REASONS["near_duplicate"]
    assert explain_reason("never_given", measures) == ""
