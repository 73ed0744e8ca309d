"""The data's vocabulary, and the student: loading, training, generation, evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dimsum.student import Student as Student

__version__ = "0.1.0"
__all__ = ["Student", "__version__"]


def __getattr__(name: str) -> Any:
    """Import on first use, so that `import dimsum` stays light."""
    if name == "Student":
        from dimsum.student import Student

        return Student
    raise AttributeError(f"module 'dimsum' has no attribute {name!r}")
