from __future__ import annotations

import pytest

from dimsum.controls import CONTROLS, control_code


@pytest.mark.parametrize(
    ("compression", "density", "rouge_l", "expected"),
    [
        (0.49, 0.1, 0.2, "short-abstractive"),
        (0.50, 0.1, 0.2, "long-abstractive"),
        (0.49, 0.6, 0.2, "short-extractive"),
        (0.49, 0.1, 0.6, "short-extractive"),
        (0.79, 0.1, 0.59, "long-abstractive"),
        (0.79, 0.61, 0.0, "long-extractive"),
    ],
)
def test_summaries(compression: float, density: float, rouge_l: float, expected: str) -> None:
    assert control_code("summary", compression, density, rouge_l) == expected
    assert expected in CONTROLS


def test_a_paraphrase_has_one_code() -> None:
    assert control_code("paraphrase", 1.0, 9.0, 1.0) == "paraphrase"
    assert control_code("paraphrase", 0.8, 0.0, 0.0) == "paraphrase"
