from __future__ import annotations

import pytest

from dimsum.controls import make_wording
from dimsum.metrics.overlap import density, find_fragments, rouge_l
from dimsum.metrics.words import split_words
from dimsum.tasks.base import Wording
from dimsum.tasks.paraphrase import PARAPHRASE
from dimsum.tasks.summary import SUMMARY


def wording(compression: float, density_per_character: float, rouge_l: float) -> Wording:
    return Wording("a source", "a target", compression, density_per_character, rouge_l)


@pytest.mark.parametrize(
    ("compression", "dense", "rouge_l", "expected"),
    [
        (0.49, 0.1, 0.2, "short-abstractive"),
        (0.50, 0.1, 0.2, "long-abstractive"),
        (0.49, 0.6, 0.2, "short-extractive"),
        (0.49, 0.1, 0.6, "short-extractive"),
        (0.79, 0.1, 0.59, "long-abstractive"),
        (0.79, 0.61, 0.0, "long-extractive"),
    ],
)
def test_summaries(compression: float, dense: float, rouge_l: float, expected: str) -> None:
    assert SUMMARY.control(wording(compression, dense, rouge_l)) == expected


def test_a_paraphrase_has_one_code() -> None:
    assert PARAPHRASE.control(wording(1.0, 9.0, 1.0)) == "paraphrase"
    assert PARAPHRASE.control(wording(0.8, 0.0, 0.0)) == "paraphrase"


def test_a_wording_is_measured_per_character() -> None:
    source, target = "The red dog sat by the river.", "The red dog sat."
    found = make_wording(source, target)
    shared = find_fragments(split_words(source), split_words(target))
    assert (found.source, found.target) == (source, target)
    assert found.compression == len(target) / len(source)
    assert found.density_per_character == density(shared, target, per="character") == 16 / 16
    assert found.rouge_l == rouge_l(split_words(source), split_words(target))
