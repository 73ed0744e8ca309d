from __future__ import annotations

import pytest

from builder.decoding.keywords import (
    ContentWords,
    KeywordExtractor,
    SimilarWords,
    YakeKeywords,
    chosen,
    content_spans,
    extractor,
    locate,
)
from builder.models import embedded_folder

SENTENCE = (
    "The British government announced a new plan on Tuesday to cut carbon emissions by 40 percent."
)
OTHERS = [
    "A fire broke out in a warehouse in Seattle, officials said.",
    "Short-term insulin use (at 5 mg) did not change mortality; mortality rose later.",
    "“It's late,” he said — the cats' owner agreed.",
]


@pytest.fixture(scope="module", params=["yake", "content", "similarity"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.embedded
@pytest.mark.parametrize("sentence", [SENTENCE, *OTHERS])
def test_keywords_stand_in_the_sentence(kind: str, sentence: str) -> None:
    for count in (1, 3, 6):
        found = extractor(kind, count).keywords(sentence)  # type: ignore[arg-type]
        assert 1 <= len(found) <= count
        assert all(locate(word, sentence) != (-1, -1) for word in found)
        assert len({word.casefold() for word in found}) == len(found)
        in_text = extractor(kind, count, "text").keywords(sentence)  # type: ignore[arg-type]
        assert sorted(in_text) == sorted(found)
        assert in_text == sorted(in_text, key=lambda word: locate(word, sentence))


@pytest.mark.embedded
def test_nothing_to_find(kind: str) -> None:
    made: KeywordExtractor = extractor(kind)  # type: ignore[arg-type]
    assert made.keywords("") == made.keywords("   ") == made.keywords("...") == []
    assert made.keywords("And of the!") == []


def test_yake_puts_the_telling_words_first() -> None:
    assert YakeKeywords(2).keywords(SENTENCE) == ["percent", "British"]
    assert YakeKeywords(1, words=3).keywords(SENTENCE) == ["British government announced"]
    phrases = YakeKeywords(4, words=2).keywords(SENTENCE)
    assert any(" " in phrase for phrase in phrases)
    words = " ".join(phrases).split()
    assert len(words) == len(set(words)), "no keyword inside another"


@pytest.mark.embedded
def test_content_words_by_part_of_speech() -> None:
    found = ContentWords(20, "text").keywords(SENTENCE)
    assert " ".join(found) == (
        "British government announced new plan Tuesday cut carbon emissions 40 percent"
    )
    assert ContentWords(2).keywords(SENTENCE) == ["Tuesday", "government"]
    merged = ContentWords(20, "text", merged=True).keywords(SENTENCE)
    assert "cut carbon emissions" in merged and "carbon" not in merged
    assert [SENTENCE[first:last] for _, first, last in content_spans("")] == []


@pytest.mark.embedded
def test_similar_words_are_those_nearest_to_the_sentence() -> None:
    from builder.critics.embedding import SentenceEncoder

    encoder = SentenceEncoder.load("embedded:minilm-l6")
    words = ContentWords(20, "text").keywords(SENTENCE)
    vectors = encoder.encode([SENTENCE, *words])
    nearness = dict(zip(words, (vectors[1:] @ vectors[0]).tolist(), strict=True))
    found = SimilarWords(3).keywords(SENTENCE)
    assert found == sorted(words, key=lambda word: -nearness[word])[:3]
    assert embedded_folder("minilm-l6").is_dir()


def test_places_are_whole_words() -> None:
    assert locate("cat", "The category of Cats and cat.") == (25, 28)
    assert locate("CARBON  emissions", "cut carbon\nemissions") == (4, 20)
    assert locate("mg)", "(5 mg) of it") == (3, 6)
    assert locate("dog", "cat") == locate("", "cat") == (-1, -1)


def test_overlapping_missing_and_repeated_spans_are_left_out() -> None:
    sentence = "abc def abc"
    ranked = [(-1, -1), (0, 3), (2, 5), (8, 11), (4, 7)]
    assert chosen(sentence, ranked, 3, "salience") == ["abc", "def"]
    assert chosen(sentence, reversed(ranked), 2, "salience") == ["def", "abc"]
    assert chosen(sentence, reversed(ranked), 2, "text") == ["def", "abc"]
    assert chosen(sentence, [(4, 7), (0, 3)], 2, "text") == ["abc", "def"]
    assert chosen(sentence, ranked, 0, "text") == []
