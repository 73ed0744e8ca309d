"""Entropies, distinct shares, segments, Self-BLEU: by hand, by Counter, by nltk."""

from __future__ import annotations

import math
import random
import zlib
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from builder.statistics import ngrams, partition
from builder.statistics.blocks import Blocks, average_independent
from builder.statistics.diversity import measure_zlib_ratios
from builder.statistics.ngrams import count
from builder.statistics.segments import measure_segment_ratios, put_in_order
from builder.statistics.self_bleu import self_bleu
from builder.statistics.words import encode, hash_texts, mix

TEXTS = st.lists(st.lists(st.sampled_from("abcd"), max_size=8), min_size=1, max_size=12)


def hashed(texts: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
    encoded = encode(texts)
    if not encoded.distinct:
        return np.zeros(0, np.uint64), encoded.lengths
    return mix(hash_texts(encoded.distinct))[encoded.ids], encoded.lengths


def blocks_of(rows: int, seed: int = 0) -> Blocks:
    return Blocks.of(mix(np.arange(rows, dtype=np.uint64)), seed)


@settings(deadline=None)
@given(TEXTS, st.integers(1, 3))
def test_counts_equal_a_counter(texts: list[list[str]], order: int) -> None:
    counter = Counter(
        tuple(text[i : i + order]) for text in texts for i in range(len(text) - order + 1)
    )
    tokens, lengths = hashed(texts)
    for blocks in (None, blocks_of(len(texts))):
        found = count(tokens, lengths, order, blocks)
        assert found.total == counter.total()
        assert found.distinct == len(counter)
        assert found.once == sum(c == 1 for c in counter.values())
        if counter:
            total = counter.total()
            entropy = -sum(c / total * math.log2(c / total) for c in counter.values())
            assert found.entropy == pytest.approx(entropy, abs=1e-9)
            assert found.distinct_share == len(counter) / total
        else:
            assert found.entropy is found.distinct_share is None


def test_entropy_worked_by_hand() -> None:
    found = count(*hashed([["a", "b"], ["a", "b"], ["a", "c"], ["b", "c"]]), 2)
    assert found.entropy == pytest.approx(0.5 * 1 + 2 * 0.25 * 2)  # ab 1/2, ac 1/4, bc 1/4
    assert count(*hashed([["a", "a", "a"]]), 1).entropy == 0.0


def test_ranges_and_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(1)
    texts = [[rng.choice("abcdefgh") for _ in range(rng.randint(0, 9))] for _ in range(300)]
    whole = count(*hashed(texts), 2, blocks_of(300))
    monkeypatch.setattr(partition, "RANGE", 100)
    monkeypatch.setattr(ngrams, "PIECE", 70)
    parts = count(*hashed(texts), 2, blocks_of(300))
    assert whole.times == parts.times
    for what in ("entropy", "distinct", "distinct_share"):
        assert whole.interval(what) == pytest.approx(parts.interval(what))


def test_leaving_a_block_out_is_counting_without_its_rows() -> None:
    rng = random.Random(2)
    texts = [[rng.choice("abcde") for _ in range(6)] for _ in range(40)]
    blocks = blocks_of(40)
    found = count(*hashed(texts), 2, blocks)
    assert found.without is not None
    for block in range(blocks.count):
        rest = [text for text, b in zip(texts, blocks.of_row, strict=True) if b != block]
        direct = count(*hashed(rest), 2)
        assert found.without.types - found.without.less_types[block] == direct.distinct
        assert found.without.total - found.without.less_total[block] == direct.total
        plain = found.without.plain - found.without.less_plain[block]
        assert math.log2(direct.total) - plain / direct.total == pytest.approx(direct.entropy)


def test_intervals_hold_the_value_of_fresh_draws() -> None:
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, 201)
    shares /= shares.sum()

    def drawn() -> list[list[str]]:
        return [[str(w) for w in rng.choice(200, size=5, p=shares)] for _ in range(400)]

    expected = np.mean([count(*hashed(drawn()), 1).entropy for _ in range(60)])
    held = 0
    for _ in range(60):
        low, high = count(*hashed(drawn()), 1, blocks_of(400)).interval("entropy")
        assert low is not None and high is not None
        held += low <= expected <= high
    assert held >= 50


def test_mean_intervals_have_the_width_of_the_normal_theory() -> None:
    values = np.random.default_rng(3).normal(5, 2, size=4000)
    mean, low, high, rows = blocks_of(4000).mean(values)
    assert (mean, rows) == (pytest.approx(values.mean()), 4000)
    assert low is not None and high is not None
    assert high - low == pytest.approx(2 * 1.96 * 2 / math.sqrt(4000), rel=0.2)
    assert blocks_of(1).mean(np.asarray([3.0])) == (3.0, None, None, 1)
    assert blocks_of(2).mean(np.asarray([np.nan, np.nan])) == (None, None, None, 0)
    assert average_independent(np.zeros(0), 0) == (None, None, None)


def test_segments_worked_by_hand_and_across_texts() -> None:
    tokens, lengths = hashed([["a", "b", "a"], ["a"], [], ["c", "c", "c", "d", "e"]])
    ratios = measure_segment_ratios(put_in_order(tokens, lengths, np.arange(4)), (4, 100))
    assert ratios[4].tolist() == [0.5, 0.5]  # a b a a | c c c d | e is left out
    assert len(ratios[100]) == 0


@pytest.mark.parametrize("seed", range(5))
def test_self_bleu_equals_nltk(seed: int) -> None:
    rng = random.Random(seed)
    texts = [[rng.choice("abcdefgh") for _ in range(rng.randint(0, 12))] for _ in range(25)]
    texts += [texts[3], ["z", "z", "z", "z", "z"], ["q"]]
    smoothing = SmoothingFunction().method1
    expected = [
        sentence_bleu(texts[:i] + texts[i + 1 :], text, smoothing_function=smoothing)
        if text
        else 0.0
        for i, text in enumerate(texts)
    ]
    np.testing.assert_allclose(self_bleu(*hashed(texts)), expected, atol=1e-9)


def test_self_bleu_extremes() -> None:
    same = [["a", "b", "c", "d", "e"]] * 4
    assert self_bleu(*hashed(same)).tolist() == pytest.approx([1.0] * 4)
    apart = [[f"{i}{j}" for j in range(5)] for i in range(4)]
    assert self_bleu(*hashed(apart)).tolist() == [0.0] * 4
    assert len(self_bleu(*hashed([["a"]]))) == 0


def test_zlib_ratio_is_the_librarys() -> None:
    texts = [f"the road to town {i % 7} was closed" for i in range(2500)]
    found = measure_zlib_ratios(texts)
    assert len(found) == 2
    raw = "\n".join(texts[:1000]).encode()
    assert found[0] == len(raw) / len(zlib.compress(raw, 6))
    assert len(measure_zlib_ratios(["one"])) == 1


def test_mixing_is_a_bijection_that_spreads() -> None:
    mixed = mix(np.arange(10_000, dtype=np.uint64))
    assert len(set(mixed.tolist())) == 10_000
    flips = [bin(a ^ b).count("1") for a, b in pairwise(mixed[:200].tolist())]
    assert 28 < np.mean(flips) < 36
