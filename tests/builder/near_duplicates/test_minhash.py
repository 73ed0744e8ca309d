"""Signatures, keys and comparisons in arrays: against datasketch and Python's sets."""

from __future__ import annotations

import random
from collections.abc import Sequence, Set
from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from datasketch import MinHash, MinHashLSH
from hypothesis import given
from hypothesis import strategies as st

from builder.near_duplicates.buckets import find_bucket_edges, meet
from builder.near_duplicates.minhash import Bands, choose_bands, hash_bands, make_signatures
from builder.near_duplicates.shingles import make_sets
from builder.near_duplicates.verify import are_alike, make_sketches, may_be_alike
from builder.stages.shingles import as_table
from builder.statistics.words import Array, find_offsets
from tests.builder.near_duplicates.by_strings import jaccard
from tests.builder.near_duplicates.by_strings import shingles as by_strings

SPREAD = 0x9E3779B97F4A7C15


def flat(sets: Sequence[Set[int]]) -> tuple[Array, Array]:
    """Keys of 64 bits, as hashes are."""
    keys = [(key + 1) * SPREAD % (1 << 64) for found in sets for key in found]
    return np.asarray(keys, np.uint64), np.asarray([len(found) for found in sets], np.int64)


def some_sets(seed: int, count: int = 40) -> list[set[int]]:
    rng = random.Random(seed)
    sets = [set(rng.sample(range(200), rng.randint(1, 30))) for _ in range(count)]
    for _ in range(count):
        near = set(rng.choice(sets)) ^ set(rng.sample(range(200), rng.randint(0, 4)))
        sets.append(near or {1})
    return sets


def test_a_signature_is_that_of_datasketch() -> None:
    sets = some_sets(0)
    keys, lengths = flat(sets)
    starts = find_offsets(lengths)
    found = make_signatures(keys, lengths, 96)
    for number in range(len(sets)):
        sketch = MinHash(num_perm=96, hashfunc=int)
        sketch.update_batch([int(k) % (1 << 32) for k in keys[starts[number] : starts[number + 1]]])
        assert found[number].tolist() == sketch.hashvalues.tolist()


def test_a_signature_does_not_depend_on_where_sets_are_cut() -> None:
    """Sets longer than what is permuted at a time, among short ones."""
    sets = [{1}, set(range(70_000)), {2, 3}, set(range(40_000)), {4}]
    keys, lengths = flat(sets)
    starts = find_offsets(lengths)
    found = make_signatures(keys, lengths, 4)
    for number in range(len(sets)):
        alone = make_signatures(keys[starts[number] : starts[number + 1]], lengths[[number]], 4)
        assert found[number].tolist() == alone[0].tolist()


def test_sets_meet_as_in_the_index_of_datasketch() -> None:
    sets = some_sets(1)
    keys, lengths = flat(sets)
    bands = Bands(16, 3)
    starts = find_offsets(lengths)
    met = hash_bands(make_signatures(keys, lengths, 48), bands)
    assert len(np.unique(met[:, 0])) < len(sets)
    index = MinHashLSH(params=(bands.count, bands.rows), num_perm=48)
    sketches = []
    for number in range(len(sets)):
        sketch = MinHash(num_perm=48, hashfunc=int)
        sketch.update_batch([int(k) % (1 << 32) for k in keys[starts[number] : starts[number + 1]]])
        index.insert(number, sketch)
        sketches.append(sketch)
    for number, sketch in enumerate(sketches):
        ours = np.flatnonzero((met == met[number]).any(axis=1)).tolist()
        assert sorted(index.query(sketch)) == ours
    assert not set(met[:, 0].tolist()) & set(met[:, 1].tolist())


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9, 1.0])
def test_bands_are_the_longest_that_miss_few(threshold: float) -> None:
    bands = choose_bands(threshold, 128, 0.99)
    assert bands.recall(threshold) >= 0.99
    assert bands.count * bands.rows <= 128
    longer = Bands(128 // (bands.rows + 1), bands.rows + 1)
    assert bands.rows == 128 or longer.recall(threshold) < 0.99


def test_the_share_that_meets_at_the_threshold_is_the_promised_one() -> None:
    """3,000 pairs of sets with a Jaccard similarity of exactly 0.8."""
    rng = random.Random(3)
    sets = []
    for _ in range(3000):
        shared = rng.sample(range(1 << 30), 45)
        sets += [set(shared[:40]), set(shared[:36]) | set(shared[40:44])]
        assert len(sets[-1] & sets[-2]) == 36
        assert len(sets[-1] | sets[-2]) == 44
    bands = choose_bands(0.8)
    met = hash_bands(make_signatures(*flat(sets), bands.count * bands.rows), bands)
    share = float((met[::2] == met[1::2]).any(axis=1).mean())
    wanted = bands.recall(36 / 44)
    assert share == pytest.approx(wanted, abs=4 * (wanted * (1 - wanted) / 3000) ** 0.5)
    assert share > 0.99


@given(
    st.lists(st.sets(st.integers(0, 30), min_size=1, max_size=12), min_size=2, max_size=12),
    st.sampled_from([0.2, 0.5, 0.75, 0.8, 1.0]),
)
def test_pairs_are_alike_as_sets_of_python_are(sets: list[set[int]], threshold: float) -> None:
    keys, lengths = flat(sets)
    pairs = [(i, j) for i in range(len(sets)) for j in range(len(sets))]
    a, b = np.asarray(pairs).T
    found = are_alike(keys, find_offsets(lengths), a, b, threshold)
    wanted = [len(sets[i] & sets[j]) >= threshold * len(sets[i] | sets[j]) - 1e-9 for i, j in pairs]
    assert found.tolist() == wanted


@given(
    st.lists(st.sets(st.integers(0, 600), min_size=1, max_size=60), min_size=2, max_size=8),
    st.sampled_from([0.2, 0.5, 0.75, 0.8, 1.0]),
)
def test_a_sketch_never_keeps_apart_what_is_alike(sets: list[set[int]], threshold: float) -> None:
    sets += [found - {min(found)} for found in sets if len(found) > 1]
    keys, lengths = flat(sets)
    a, b = np.asarray([(i, j) for i in range(len(sets)) for j in range(len(sets))]).T
    starts = find_offsets(lengths)
    may_be = may_be_alike(make_sketches(keys, starts), lengths, a, b, threshold)
    assert not (are_alike(keys, starts, a, b, threshold) & ~may_be).any()


def test_sketches_know_most_that_are_not_alike() -> None:
    """Sets of forty keys that share a half to three quarters of all that they have together."""
    rng = random.Random(0)
    ones = [set(rng.sample(range(10_000), 40)) for _ in range(500)]
    others = [
        set(rng.sample(sorted(one), 40 - changed)) | set(rng.sample(range(10_000, 20_000), changed))
        for number, one in enumerate(ones)
        for changed in [6 + number % 8]
    ]
    keys, lengths = flat([*ones, *others])
    starts = find_offsets(lengths)
    a, b = np.arange(500), np.arange(500, 1000)
    assert not are_alike(keys, starts, a, b, 0.8).any()
    may_be = may_be_alike(make_sketches(keys, starts), lengths, a, b, 0.8)
    assert may_be.mean() < 0.1


def test_no_sets_have_no_sketch() -> None:
    assert make_sketches(np.zeros(0, np.uint64), np.zeros(1, np.int64)).shape[1] == 0


@given(st.data())
def test_a_bucket_connects_those_that_are_alike_and_meet(data: st.DataObject) -> None:
    """Keys are any numbers: whoever shares one meets, and components are those of networkx."""
    one = st.frozensets(st.integers(0, 9), min_size=1, max_size=6)
    sets = data.draw(st.lists(one, min_size=1, unique=True))
    keys = data.draw(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, len(sets) - 1)), unique=True)
    )
    elements, lengths = flat(sets)
    starts = find_offsets(lengths)
    digests = as_table(elements, lengths)["digest"].to_numpy()

    def sets_of_rows(rows: Array) -> tuple[Array, Array]:
        parts = [elements[starts[r] : starts[r + 1]] for r in rows]
        return np.concatenate([np.zeros(0, np.uint64), *parts]), find_offsets(lengths[rows])

    found = find_bucket_edges(
        np.asarray([key for key, _ in keys], np.uint64),
        np.asarray([row for _, row in keys], np.int64),
        lambda rows: digests[rows],
        sets_of_rows,
        0.5,
        1000,
    )
    wanted: nx.Graph[int] = nx.Graph()
    wanted.add_nodes_from(range(len(sets)))
    ours = wanted.copy()
    ours.add_edges_from(zip(found.first.tolist(), found.other.tolist(), strict=True))
    for (key, i), (other, j) in combinations(keys, 2):
        if key == other and len(sets[i] & sets[j]) >= 0.5 * len(sets[i] | sets[j]):
            wanted.add_edge(i, j)
    assert [*map(sorted, nx.connected_components(ours))] == [
        *map(sorted, nx.connected_components(wanted))
    ]
    assert (found.capped, found.left_out) == (0, 0)


@pytest.mark.parametrize(
    ("size", "most"), [(11, 10), (12, 10), (30, 8), (30, 2), (10, 10), (5, 10)]
)
def test_the_pairs_left_out_of_a_group_are_counted(size: int, most: int) -> None:
    """No two sets are alike, so each pair that is compared is one that was asked for."""
    sets = [{n} for n in range(size)]
    elements, lengths = flat(sets)
    digests = as_table(elements, lengths)["digest"].to_numpy()
    meetings, capped, left_out = meet(np.zeros(size, np.uint64), np.arange(size), digests, most)
    pairs = [pair for a, b in meetings.pairs() for pair in zip(a.tolist(), b.tolist(), strict=True)]
    assert len(set(pairs)) == len(pairs)
    assert len(pairs) + left_out == size * (size - 1) // 2
    assert capped == int(size > most)
    assert left_out == 0 or size > most


def test_sets_are_those_of_strings() -> None:
    texts = [
        ("summary", "Yes!", "No."),
        ("summary", "yes", "no"),
        ("paraphrase", "Yes!", "No."),
        ("summary", "no", "yes"),
        ("summary", "!!!", "?"),
        ("summary", "...", "?"),
        ("summary", "The dog sleeps by the river, the dog sleeps.", "The dog sleeps by it."),
        ("summary", "The dog sleeps by the river.", "The dog sleeps by it all day."),
        ("paraphrase", "The dog sleeps by the river.", "The dog sleeps by it all day."),
    ]
    wanted = [by_strings(*one) for one in texts]
    elements, lengths = make_sets(*map(list, zip(*texts, strict=True)))
    starts = find_offsets(lengths)
    ours = [set(elements[starts[n] : starts[n + 1]].tolist()) for n in range(len(texts))]
    assert lengths.tolist() == [len(found) for found in wanted]
    for i, j in combinations(range(len(texts)), 2):
        assert len(ours[i] & ours[j]) == len(wanted[i] & wanted[j])
    assert jaccard(wanted[0], wanted[1]) == 1.0
    digests = as_table(elements, lengths)["digest"].to_pylist()
    assert digests[0] == digests[1]
    assert len(set(digests)) == len(texts) - 1
