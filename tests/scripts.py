"""Scripts of the repository as modules: they are in no package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

REPRODUCE = Path(__file__).parents[1] / "scripts" / "reproduce"


def script(name: str) -> Any:
    """The module of scripts/reproduce/NAME.py, imported once."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, REPRODUCE / f"{name}.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]
