"""What is left of sentences whose parts a reader can tell, and what is left alone."""

from __future__ import annotations

import pytest

from builder.shortening import shorten_all
from dimsum.metrics.words import split_words


@pytest.mark.parametrize(
    ("sentence", "left"),
    [
        ("The plan, which was made in May, failed in the end.", ["The plan failed in the end."]),
        ("After the fire, the school was closed.", ["The school was closed."]),
        (
            "Mary, the queen of Spain, left the city, taking her sons with her.",
            [
                "Mary left the city, taking her sons with her.",
                "Mary, the queen of Spain, left the city.",
                "Mary left the city.",
            ],
        ),
        (
            "He was born in a village in Donetsk, where he was raised by his father.",
            ["He was born in a village in Donetsk."],
        ),
        # What limits the claim stays: a condition, an exception, a quantity, a place, a report.
        ("If it rains, the school is closed on Monday.", []),
        ("In some cases, the school was closed.", []),
        ("In Spain, the school was closed.", []),
        ("The school is open, unless it rains.", []),
        ("The company, according to Bloomberg, lost money.", []),
        ("The school was closed, he said.", []),
        # As is what would come apart.
        ('The plan, "which was made in May", failed in the end.', []),
        ("The old school was closed.", []),
    ],
)
def test_asides_go_and_limits_stay(sentence: str, left: list[str]) -> None:
    assert shorten_all([sentence]) == [left]


def test_what_is_left_is_a_subsequence() -> None:
    sentence = (
        "The study, published in Nature, found that emissions, which rose in May, are falling, "
        "making them hopeful."
    )
    (left,) = shorten_all([sentence])
    assert len(left) > 2
    for text in left:
        words = iter(split_words(sentence))
        assert all(word in words for word in split_words(text)), text
        assert text.endswith(".") and ",," not in text and " ," not in text
