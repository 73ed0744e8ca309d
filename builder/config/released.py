"""What a release adds to its rows: their splits and the trees of their targets."""

from __future__ import annotations

from pydantic import Field, field_validator

from dimsum.settings import Settings
from dimsum.syntax.parsers import DEPENDENCY, find_parser


class SplitsConfig(Settings):
    """Shares of rows; what is connected never parts."""

    validation: float = Field(0.05, ge=0, lt=0.5, description="share of rows, at most")
    test: float = Field(0.05, ge=0, lt=0.5, description="share of rows, at most")


class SyntaxConfig(Settings):
    """Trees of sentences: the column `syntax` of a release, and the measure tree_distance."""

    parser: str = Field(
        DEPENDENCY,
        description="dependency (spaCy's, English), or any other as module:function, from a list "
        "of sentences to their trees in brackets",
    )
    height: int | None = Field(
        3, ge=2, description="layers of the released trees, the root's among them; empty: all"
    )
    column: bool = Field(True, description="release each target's tree as the column syntax")

    @field_validator("parser")
    @classmethod
    def _there(cls, name: str) -> str:
        find_parser(name)
        return name
