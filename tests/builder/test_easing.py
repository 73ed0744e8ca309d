"""Commoner words for rarer ones, in the form that the sentence asks for, and what is left alone."""

from __future__ import annotations

import pytest

from builder import easier_words as words
from builder.easing import ease_all


@pytest.mark.parametrize(
    ("sentence", "easy"),
    [
        (
            "The firm utilizes numerous methods in order to assist physicians.",
            [
                "The firm uses many methods to help doctors.",
                "The firm uses numerous methods in order to assist physicians.",
                "The firm utilizes many methods in order to assist physicians.",
                "The firm utilizes numerous methods to assist physicians.",
                "The firm utilizes numerous methods in order to help physicians.",
                "The firm utilizes numerous methods in order to assist doctors.",
            ],
        ),
        # Tense, participle, plural and article follow; a verb of two words is bent at its first.
        ("They commenced the trial in May.", ["They started the trial in May."]),
        ("She purchased a ticket.", ["She bought a ticket."]),
        ("It was an enormous ship.", ["It was a huge ship."]),
        ("The army implemented the plan.", ["The army carried out the plan."]),
        ("They are modifying the engine.", ["They are changing the engine."]),
        ("Subsequently, the school closed.", ["Later, the school closed."]),
        ("He left prior to the vote.", ["He left before the vote."]),
        ("He met the majority of voters.", ["He met most voters."]),
        ("He met the majority of the voters.", ["He met most of the voters."]),
        # "carried out it", "an additional" without a noun's article, a name, a quotation.
        ("The army implemented it.", []),
        ("It was an additional ship.", []),
        ("He works for Numerous Methods.", []),
        ('He said, "We utilize the plan."', []),
        ("The bus was late.", []),
    ],
)
def test_commoner_words_take_the_form_of_rarer_ones(sentence: str, easy: list[str]) -> None:
    assert ease_all([sentence]) == [easy]


def test_each_listed_word_is_rarer_than_what_replaces_it() -> None:
    wordfreq = pytest.importorskip("wordfreq")

    def zipf(word: str) -> float:
        return float(wordfreq.zipf_frequency(word, "en"))

    for block in (words.VERBS, words.NOUNS, words.ADJECTIVES, words.ADVERBS):
        found = words.parse_entries(block)
        assert len(found) > 30
        for rare, common in found.items():
            assert zipf(rare) < 5, rare
            assert zipf(common.split()[0]) - zipf(rare) >= 0.3, (rare, common)


def test_no_rarer_word_is_listed_twice() -> None:
    for block in (words.VERBS, words.NOUNS, words.ADJECTIVES, words.ADVERBS):
        rare = [word for line in block.strip().splitlines() for word in line.split(": ")[1].split()]
        assert len(rare) == len(set(rare))
        # No word gives way to one that gives way itself.
        assert not set(words.parse_entries(block).values()) & set(rare)
