"""What targets share with sources, against the pair-by-pair functions and rouge-score."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer
from rouge_score.tokenize import tokenize

from builder.measures.base import Batch
from builder.measures.rouge_l import MEASURE
from builder.statistics.alignment import MAX_WORDS, ORDERS, align
from builder.statistics.corpus import Rows
from builder.statistics.offensive import OffensiveWords
from builder.statistics.pairs import Options, measure_piece
from builder.statistics.words import encode
from dimsum.metrics.overlap import (
    coverage,
    density,
    find_fragments,
    lcs_length,
    measure_f1,
    rouge_l,
)
from dimsum.metrics.words import is_latin, split_words
from tests.builder.statistics.corpora import ODD, made

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), max_size=20)
OPTIONS = Options(OffensiveWords.read())


def piece_of(rows: list[dict[str, str]]) -> dict[str, np.ndarray]:
    sources, targets = [r["source"] for r in rows], [r["target"] for r in rows]
    return measure_piece(Rows(sources, targets, [""] * len(rows)), OPTIONS).columns


def novel_by_hand(source: list[str], target: list[str], n: int) -> int:
    there = {tuple(source[i : i + n]) for i in range(len(source) - n + 1)}
    return sum(tuple(target[i : i + n]) not in there for i in range(len(target) - n + 1))


@settings(deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=12))
def test_many_pairs_at_once_equal_one_at_a_time(pairs: list[tuple[list[str], list[str]]]) -> None:
    found = align(encode([*(s for s, _ in pairs), *(t for _, t in pairs)]), len(pairs))
    for i, (source, target) in enumerate(pairs):
        shared = find_fragments(source, target)
        assert found.lcs[i] == lcs_length(source, target)
        assert found.shared[i] == sum(shared)
        assert found.squares[i] == sum(n * n for n in shared)
        assert found.novel[i].tolist() == [novel_by_hand(source, target, n) for n in ORDERS]


def test_sources_longer_than_a_machine_word() -> None:
    source = [str(i % 11) for i in range(150)]
    target = [str(i % 7) for i in range(90)]
    found = align(encode([source, target]), 1)
    assert found.lcs[0] == lcs_length(source, target)
    assert found.shared[0] == sum(find_fragments(source, target))


def test_columns_equal_rouge_score_and_newsroom() -> None:
    rows = [*made(60), *ODD]
    columns = piece_of(rows)
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    for i, row in enumerate(rows):
        source, target = row["source"], row["target"]
        if is_latin(source) and is_latin(target):
            assert split_words(source) == tokenize(source, None)
            expected = scorer.score(source, target)["rougeL"].fmeasure
        else:
            expected = rouge_l(split_words(source), split_words(target))
        assert columns["rouge_l"][i] == pytest.approx(expected, abs=1e-9)
        shared = find_fragments(split_words(source), split_words(target))
        assert columns["density"][i] == pytest.approx(density(shared, target))
        assert columns["coverage"][i] == pytest.approx(coverage(shared, split_words(target)))
        character = density(shared, target, per="character")
        assert columns["extractiveness"][i] == pytest.approx(max(character, expected))


def test_rouge_l_is_one_number_wherever_it_is_taken() -> None:
    """Counts of words for which another order of the same operations gives another last digit."""
    counts = [
        (common, source, target)
        for source, target in product(range(1, 25), repeat=2)
        for common in range(1, min(source, target) + 1)
        if measure_f1(common / 1, source / 1, target / 1) != 2 * common / (source + target)
    ][:200]
    texts = [
        (
            " ".join(f"w{n}" for n in range(source)),
            " ".join(f"w{n}" for n in range(common))
            + "".join(f" x{n}" for n in range(target - common)),
        )
        for common, source, target in counts
    ]
    rows = [{"source": source, "target": target} for source, target in texts]
    expected = [rouge_l(split_words(source), split_words(target)) for source, target in texts]
    assert piece_of(rows)["rouge_l"].tolist() == expected
    batch = Batch.of_texts([source for source, _ in texts], [target for _, target in texts])
    assert MEASURE.of(batch)["rouge_l"].tolist() == expected


def test_a_pair_worked_by_hand() -> None:
    columns = piece_of([{"source": "The big dog ran home", "target": "the big cat ran"}])
    assert columns["jaccard"][0] == pytest.approx(3 / 6)
    assert columns["compression"][0] == pytest.approx(15 / 20)
    assert columns["coverage"][0] == pytest.approx(3 / 4)
    assert columns["density"][0] == pytest.approx((4 + 1) / 4)
    assert columns["novel_1"][0] == pytest.approx(1 / 4)
    assert columns["novel_2"][0] == pytest.approx(2 / 3)
    assert columns["novel_3"][0] == columns["novel_4"][0] == 1.0
    assert columns["rouge_l"][0] == pytest.approx(2 * 3 / 9)


def test_identical_pairs_give_the_extremes() -> None:
    text = "the mayor closed the old bridge"
    columns = piece_of([{"source": text, "target": text}])
    wanted = {"jaccard": 1, "compression": 1, "coverage": 1, "density": 6, "rouge_l": 1}
    wanted |= {"novel_1": 0, "novel_4": 0, "abstractive": 0, "identical": 1}
    assert {name: columns[name][0] for name in wanted} == wanted


def test_what_has_no_value_is_left_out_and_what_has_one_is_defined() -> None:
    columns = piece_of([{"source": "", "target": "a b"}, {"source": "a b", "target": ""}])
    assert np.isnan(columns["compression"]).tolist() == [True, False]
    assert np.isnan(columns["novel_1"]).tolist() == [False, True]
    for name in ("coverage", "density", "rouge_l", "jaccard"):
        assert columns[name].tolist() == [0.0, 0.0]
    assert columns["empty"].tolist() == [1.0, 1.0]


def test_a_text_of_a_million_characters_is_cut_and_counted() -> None:
    long = "word " * 200_000
    columns = piece_of([{"source": long, "target": long}, {"source": "a", "target": "a"}])
    assert columns["cut"].tolist() == [1.0, 0.0]
    assert columns["rouge_l"].tolist() == [1.0, 1.0]
    assert columns["density"].tolist() == [MAX_WORDS, 1.0]


def test_offensive_words_are_words_and_phrases_not_parts() -> None:
    words = OffensiveWords("list", frozenset({"darn"}), {"holy": (" holy cow ",)}, ("🖕",))
    options = Options(words)
    texts = ["Darn it.", "darned", "holy cow!", "holy brown cow", "🖕", "wholy cow"]
    piece = measure_piece(Rows(texts, [""] * 6, [""] * 6), options)
    assert piece.columns["offensive_source"].tolist() == [1, 0, 1, 0, 1, 0]
