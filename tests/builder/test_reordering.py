"""Each move on sentences whose other order a reader can write down."""

from __future__ import annotations

import pytest

from builder.reordering import reorder_all


@pytest.mark.parametrize(
    ("sentence", "moved", "move"),
    [
        (
            "The school was closed on Monday after a fire broke out.",
            "After a fire broke out, the school was closed on Monday.",
            "front:after",
        ),
        (
            "If your team is not there, you will not succeed.",
            "You will not succeed if your team is not there.",
            "back:if",
        ),
        (
            "Police said that the man left the city.",
            "The man left the city, police said.",
            "report",
        ),
        (
            "The group has fought for years, according to the report.",
            "According to the report, the group has fought for years.",
            "front:according",
        ),
        (
            "According to the report, the group has fought for years.",
            "The group has fought for years, according to the report.",
            "back:according",
        ),
        (
            "Mary has worked at the hospital since the war ended.",
            "Since the war ended, Mary has worked at the hospital.",
            "front:since",
        ),
        (
            "I have lived in the city since I was a child.",
            "Since I was a child, I have lived in the city.",
            "front:since",
        ),
    ],
)
def test_a_part_goes_to_the_other_end(sentence: str, moved: str, move: str) -> None:
    (found,) = reorder_all([sentence])
    assert (moved, move) in {(one.text, one.move) for one in found}


@pytest.mark.parametrize(
    "sentence",
    [
        "But the school was closed after a fire broke out.",  # leans on what came before
        'He said "it is over" after the game ended.',  # a quotation would come apart
        "The dog sleeps.",  # nothing to move
        "The company said it would leave the city.",  # a pronoun would come before its noun
        "Officials are saying that the bridge will open soon.",  # a report under way
        "The cyclone was a result, in part, of a typhoon that hit the coast.",
        "We see it in everything from the roads to the rivers.",
        "I mean, I have done this job for 25 years.",  # "for 25 years, I mean," takes it back
        "The film is set in the far north, in the state of Oregon.",  # where in the north
        "Was the school closed after a fire broke out?",
        "The police did not say that the man left the city.",  # turned into what they said
        "It fell in May.",  # too little is left
        "This plan was dropped because it was too costly.",  # "it" would be another thing
        "The firm cut prices for years while also hiring many people.",
        "If the mayor is late, the whole council will vote without him.",  # whom, before the mayor
        "",
    ],
)
def test_what_has_no_other_order_is_left_alone(sentence: str) -> None:
    assert reorder_all([sentence]) == [[]]


def test_words_are_moved_and_none_is_changed() -> None:
    sentences = [
        "The bank closed 12 offices in the north because it had lost money for years.",
        "While the House is large, the Senate has only 100 members.",
        "The minister announced that the law will change in 2030.",
    ]
    for sentence, found in zip(sentences, reorder_all(sentences), strict=True):
        assert found
        for one in found:
            words = [
                text.lower().replace(",", "").rstrip(".").split() for text in (sentence, one.text)
            ]
            assert sorted(set(words[0]) - {"that"}) == sorted(set(words[1]) - {"that"})
