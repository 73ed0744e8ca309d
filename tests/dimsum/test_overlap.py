from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score import rouge_scorer

from dimsum.metrics.overlap import (
    compression,
    coverage,
    density,
    find_fragments,
    lcs_length,
    rouge_l,
)
from dimsum.metrics.words import split_words

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), max_size=14)
SCORER = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)


def lcs_by_table(a: list[str], b: list[str]) -> int:
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = (
                table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
            )
    return table[-1][-1]


@given(WORDS, WORDS)
def test_lcs_equals_the_textbook_table(a: list[str], b: list[str]) -> None:
    assert lcs_length(a, b) == lcs_by_table(a, b) == lcs_length(b, a)


def test_lcs_of_sequences_longer_than_a_machine_word() -> None:
    a = [str(i % 7) for i in range(300)]
    b = [str(i % 5) for i in range(280)]
    assert lcs_length(a, b) == lcs_by_table(a, b)


LATIN = st.text(st.characters(max_codepoint=0x24F), max_size=60)


@given(LATIN, LATIN)
def test_rouge_l_equals_the_library(source: str, target: str) -> None:
    expected = SCORER.score(source, target)["rougeL"].fmeasure
    assert rouge_l(split_words(source), split_words(target)) == pytest.approx(expected, abs=1e-12)


def test_rouge_l_of_sentences_equals_the_library() -> None:
    source = "The U.S. said on Tuesday that 3.5 million people weren't counted."
    target = "On Tuesday, the U.S. said 3.5 million weren't counted!"
    expected = SCORER.score(source, target)["rougeL"].fmeasure
    assert rouge_l(split_words(source), split_words(target)) == pytest.approx(expected, abs=1e-12)


def fragments_by_figure(source: list[str], target: list[str]) -> list[int]:
    """The algorithm as the Newsroom paper prints it, without any index."""
    found, i = [], 0
    while i < len(target):
        best = 0
        for j in range(len(source)):
            length = 0
            while (
                i + length < len(target)
                and j + length < len(source)
                and source[j + length] == target[i + length]
            ):
                length += 1
            best = max(best, length)
        if best:
            found.append(best)
        i += max(best, 1)
    return found


@given(WORDS, WORDS)
def test_fragments_equal_the_papers_algorithm(source: list[str], target: list[str]) -> None:
    shared = find_fragments(source, target)
    assert shared == fragments_by_figure(source, target)
    assert 0.0 <= coverage(shared, target) <= 1.0


def test_density_worked_by_hand() -> None:
    source = split_words("the big dog ran to the old house")
    target = "the big dog saw the old house"
    shared = find_fragments(source, split_words(target))
    assert shared == [3, 3]
    assert density(shared, target) == pytest.approx(18 / 7)
    assert density(shared, target, per="character") == pytest.approx(18 / len(target))
    assert coverage(shared, split_words(target)) == pytest.approx(6 / 7)


def test_extremes() -> None:
    words = ["one", "two", "three", "four"]
    assert rouge_l(words, words) == 1.0
    assert density(find_fragments(words, words), " ".join(words)) == 4.0
    assert rouge_l([], words) == rouge_l(words, []) == 0.0
    assert density([], "") == 0.0
    assert coverage([], []) == 0.0
    assert compression("", "x") == math.inf
    assert compression("abcd", "ab") == 0.5
