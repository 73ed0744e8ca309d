from __future__ import annotations

import pytest

from builder.decoding.keywords import YakeKeywords, choose_spans, locate

SENTENCE = (
    "The British government announced a new plan on Tuesday to cut carbon emissions by 40 percent."
)
OTHERS = [
    "A fire broke out in a warehouse in Seattle, officials said.",
    "Short-term insulin use (at 5 mg) did not change mortality; mortality rose later.",
    "“It's late,” he said — the cats' owner agreed.",
]


@pytest.mark.parametrize("sentence", [SENTENCE, *OTHERS])
def test_keywords_stand_in_the_sentence(sentence: str) -> None:
    for count in (1, 3, 6):
        found = YakeKeywords(count).find(sentence)
        assert 1 <= len(found) <= count
        assert all(locate(word, sentence) != (-1, -1) for word in found)
        assert len({word.casefold() for word in found}) == len(found)


def test_nothing_to_find() -> None:
    made = YakeKeywords()
    assert made.find("") == made.find("   ") == made.find("...") == []
    assert made.find("And of the!") == []


def test_yake_puts_salient_words_first() -> None:
    assert YakeKeywords(2).find(SENTENCE) == ["percent", "British"]


def test_keywords_are_located_as_whole_words() -> None:
    assert locate("cat", "The category of Cats and cat.") == (25, 28)
    assert locate("CARBON  emissions", "cut carbon\nemissions") == (4, 20)
    assert locate("mg)", "(5 mg) of it") == (3, 6)
    assert locate("dog", "cat") == locate("", "cat") == (-1, -1)


def test_overlapping_missing_and_repeated_spans_are_left_out() -> None:
    sentence = "abc def abc"
    ranked = [(-1, -1), (0, 3), (2, 5), (8, 11), (4, 7)]
    assert choose_spans(sentence, ranked, 3) == ["abc", "def"]
    assert choose_spans(sentence, reversed(ranked), 2) == ["def", "abc"]
    assert choose_spans(sentence, ranked, 1) == ["abc"]
    assert choose_spans(sentence, ranked, 0) == []
