"""Each measure by hand."""

from __future__ import annotations

import math

import pytest

from builder.statistics.table_one import jaccard, msttr, ngram_entropy, table_one


def test_entropy_of_ngrams() -> None:
    # a b, b a, a b: 2/3 and 1/3.
    expected = math.log2(3) - 2 / 3
    assert ngram_entropy([["a", "b", "a"], ["a", "b"]], 2) == pytest.approx(expected)
    assert ngram_entropy([["a"], []], 2) is None
    assert ngram_entropy([["a", "b", "c"], ["d", "e", "f"]], 3) == pytest.approx(1.0)


def test_no_ngram_reaches_over_two_texts() -> None:
    assert ngram_entropy([["a"], ["b"]], 2) is None


def test_msttr_counts_whole_segments_only() -> None:
    assert msttr(list("aabbab" + "x"), segment=3) == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert msttr(list("ab"), segment=3) is None


def test_jaccard() -> None:
    assert jaccard(["a", "b", "b"], ["b", "c"]) == pytest.approx(1 / 3)
    assert jaccard([], []) == 1.0


def test_a_corpus() -> None:
    measured = table_one(["The mayor met them.", "Rain fell"], ["the mayor met", "It rained"])
    assert measured.jaccard == pytest.approx((3 / 4 + 0) / 2)
    assert measured.h2 == pytest.approx(math.log2(3))
    assert measured.h3 == 0.0
    assert measured.msttr is None
    assert table_one([], []).by_name() == {"H2": None, "H3": None, "MSTTR": None, "Jaccard": None}
