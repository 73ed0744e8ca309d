"""What a target leaves out, on sentences whose parts a reader can count."""

from __future__ import annotations

import pytest

from builder.measures.base import Batch
from builder.measures.lost import MEASURE


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (
            "The judge ruled that the sentence should be reversed and that it should be published.",
            "The judge ruled that the sentence should be reversed.",
            {"lost_conjuncts": 1},
        ),
        (
            "The city's economy has been influenced by tourism, with a number of businesses.",
            "The city's economy has been influenced by tourism.",
            {"lost_asides": 1},
        ),
        ("The plan, which was made in May, failed.", "The plan failed.", {"lost_asides": 1}),
        (
            "The report said that the virus infected 11 people in China.",
            "The report said that the virus infected 11 people.",
            {"lost_restrictions": 1},
        ),
        ("They want to go home.", "They want.", {"lost_arguments": 1}),
        ("He said that the men came.", "The men came.", {"lost_heads": 1}),
        ("The men came.", "The men came.", {}),
        ("The men came.", "Nobody left!", {}),
    ],
)
def test_each_lost_part_counts_once(source: str, target: str, expected: dict[str, int]) -> None:
    found = {k: v[0] for k, v in MEASURE.of(Batch.of_texts([source], [target])).items() if v[0]}
    assert found == expected
