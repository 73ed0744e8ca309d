from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dimsum.metrics import fragments as module
from dimsum.metrics.fragments import sum_squares
from dimsum.metrics.overlap import find_fragments

TEXTS = st.lists(st.lists(st.sampled_from("abcde"), max_size=30), min_size=1, max_size=8)


def expected(texts: list[list[str]], pairs: list[tuple[int, int]]) -> list[int]:
    """Pair by pair, by the definition."""
    return [sum(n * n for n in find_fragments(texts[i], texts[j])) for i, j in pairs]


@given(TEXTS, st.data())
@settings(max_examples=200)
def test_many_pairs_are_as_each_alone(texts: list[list[str]], data: st.DataObject) -> None:
    index = st.integers(0, len(texts) - 1)
    pairs = data.draw(st.lists(st.tuples(index, index), max_size=20))
    source, target = (np.array([p[i] for p in pairs], dtype=np.intp) for i in (0, 1))
    assert sum_squares(texts, source, target).tolist() == expected(texts, pairs)


def test_runs_beyond_a_byte_and_sources_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [["a"] * 300, ["a"] * 400, ["b", "a"] * 150, []]
    pairs = [(i, j) for i in range(4) for j in range(4)]
    source, target = (np.array([p[i] for p in pairs], dtype=np.intp) for i in (0, 1))
    whole = sum_squares(texts, source, target)
    assert whole.tolist() == expected(texts, pairs)
    monkeypatch.setattr(module, "_CELLS", 1)
    assert sum_squares(texts, source, target).tolist() == whole.tolist()
