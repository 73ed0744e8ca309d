"""Every third-party package that is imported is declared in pyproject.toml."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
OWN = {"builder", "dimsum", "cards", "tests", "scripts"}


def plain(name: str) -> str:
    """A distribution's name as PEP 503 compares it, without version and extras."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;]", name, maxsplit=1)[0]).lower()


def imported(folder: str) -> dict[str, str]:
    """Top-level packages that a folder's files import, each with one file that does."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            for name in (name.partition(".")[0] for name in names):
                # Scripts import their neighbours; in builder/engines/ray.py that is not so.
                if folder != "scripts" or not (path.parent / f"{name}.py").is_file():
                    found.setdefault(name, str(path.relative_to(ROOT)))
    return found


def undeclared(folder: str, declared: set[str]) -> dict[str, str]:
    known = packages_distributions()
    return {
        name: file
        for name, file in imported(folder).items()
        if name not in OWN
        and name not in sys.stdlib_module_names
        and not declared & {plain(one) for one in known.get(name, [name])}
    }


PEERS = {
    *("trl", "datatrove", "semhash", "ctranslate2", "openvino-genai", "xllamacpp"),
    *("sentence-transformers", "onnxruntime", "openvino"),
}
"""What a benchmark stands beside: its page says how to install it, nothing else needs it."""


def test_what_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {plain(one) for one in project["dependencies"]}
    extras = {plain(one) for group in project["optional-dependencies"].values() for one in group}
    optional = {plain(name) for name in ("sacremoses", "scikit-learn", "vllm", "wordfreq", "ray")}
    for folder in ("builder", "dimsum", "cards"):
        assert undeclared(folder, needed | optional) == {}, folder
    assert undeclared("tests", needed | extras) == {}
    assert undeclared("scripts", needed | extras | PEERS) == {}
    assert undeclared("dimsum", needed - {"click"}).keys() == {"click"}
