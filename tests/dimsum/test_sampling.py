"""What sampling is asked for is declared once; who samples otherwise has other defaults."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from pydantic import ValidationError

from builder.decoding.neurologic_settings import NeurologicConfig
from builder.decoding.settings import TeacherSampling
from builder.methods.parallel import ParallelSettings
from builder.methods.sequential import SequentialSettings
from dimsum.objectives.settings import GKD, OwnSampling
from dimsum.sampling import Sampling
from dimsum.settings import Settings
from dimsum.spec import Generation

ROOT = Path(__file__).parents[2]
FIELDS = set(Sampling.model_fields)
SETTINGS = (
    Sampling,
    TeacherSampling,
    ParallelSettings,
    NeurologicConfig,
    SequentialSettings,
    OwnSampling,
    Generation,
    GKD,
)
BEYOND = {
    "temperature": (0.0, -1.0, float("inf"), float("nan")),
    "top_p": (0.0, 1.1),
    "max_new_tokens": (0,),
    "no_repeat_ngram": (-1,),
}


def plain(source: str) -> list[int]:
    """Lines on which a class declares such a field with a type of its own."""
    return [
        line.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
        for line in node.body
        if isinstance(line, ast.AnnAssign)
        and isinstance(line.target, ast.Name)
        and line.target.id in FIELDS
        and not any(
            name.id in ("Temperature", "TopP", "MaxNewTokens", "NoRepeatNgram")
            for name in ast.walk(line.annotation)
            if isinstance(name, ast.Name)
        )
    ]


def test_no_class_declares_a_field_again() -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for package in ("builder", "dimsum", "cards")
        for path in sorted((ROOT / package).rglob("*.py"))
        if (lines := plain(path.read_text("utf-8")))
    }
    assert found == {}
    assert plain("class A(Settings):\n    top_p: float = Field(1.0, gt=0)") == [2]
    assert plain("class A(Settings):\n    top_p: TopP = Field(1.0)") == []


@pytest.mark.parametrize("kind", SETTINGS, ids=lambda kind: kind.__name__)
def test_bounds_are_the_same_whatever_the_default(kind: type[Settings]) -> None:
    needed = {"teacher": "embedded:any"} if kind is GKD else {}
    for name in FIELDS & set(kind.model_fields):
        field = kind.model_fields[name]
        assert field.description
        kind.model_validate({**needed, name: field.default})
        for value in BEYOND[name]:
            with pytest.raises(ValidationError):
                kind.model_validate({**needed, name: value})


def test_a_sentence_under_keywords_has_room_for_them() -> None:
    with pytest.raises(ValidationError):
        SequentialSettings(max_new_tokens=7)
    assert SequentialSettings(max_new_tokens=8).max_new_tokens == 8
