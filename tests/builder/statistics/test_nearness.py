"""Near-duplicates: the exact join against every pair compared, and against datasketch."""

from __future__ import annotations

import random

import numpy as np
import pytest
from datasketch import MinHash, MinHashLSH

from builder.near_duplicates.join import THRESHOLD, find_near_rows
from builder.statistics import partition
from builder.statistics.corpus import Rows
from builder.statistics.offensive import OffensiveWords
from builder.statistics.pairs import Options, measure_piece
from tests.builder.near_duplicates.by_strings import jaccard
from tests.builder.near_duplicates.by_strings import shingles as stage_shingles
from tests.builder.statistics.corpora import ODD, made

OPTIONS = Options(OffensiveWords("none", frozenset()))


def make_keys(sets: list[set[int]]) -> tuple[np.ndarray, np.ndarray]:
    flat = [key for keys in sets for key in sorted(keys)]
    return np.asarray(flat, np.uint64), np.asarray([len(keys) for keys in sets], np.int64)


def by_every_pair(sets: list[set[int]], splits: list[int]) -> tuple[list[int], list[int]]:
    alike, across = [0] * len(sets), [0] * len(sets)
    for i, a in enumerate(sets):
        for j, b in enumerate(sets):
            if i != j and len(a & b) >= THRESHOLD * len(a | b):
                alike[i] = 1
                across[i] = max(across[i], int(splits[i] != splits[j]))
    return alike, across


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_missed_and_nothing_is_made_up(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition, "RANGE", 64 if seed % 2 else 1 << 20)
    rng = random.Random(seed)
    sets = [set(rng.sample(range(60), rng.randint(1, 20))) for _ in range(60)]
    for _ in range(60):
        base = set(rng.choice(sets))
        base ^= set(rng.sample(range(60), rng.randint(0, 3)))
        sets.append(base or {1})
    splits = [rng.randint(0, 2) for _ in sets]
    rank = np.asarray(rng.sample(range(len(sets)), len(sets)))
    # Keys that fill 64 bits, as hashes do, so that their ranges are met.
    spread = [{(key * 0x9E3779B97F4A7C15) % (1 << 64) for key in keys} for keys in sets]
    found = find_near_rows(*make_keys(spread), np.asarray(splits), rank)
    alike, across = by_every_pair(sets, splits)
    assert found.alike.tolist() == alike
    assert found.across.tolist() == across
    frozen = [frozenset(map(str, keys)) for keys in sets]
    assert found.redundant.sum() == len(sets) - len(set(chains(frozen)))


def chains(sets: list[frozenset[str]]) -> list[int]:
    """Smallest index of each chain, by every pair."""
    root = list(range(len(sets)))
    changed = True
    while changed:
        changed = False
        for i, a in enumerate(sets):
            for j, b in enumerate(sets):
                if jaccard(a, b) >= THRESHOLD and root[i] != root[j]:
                    root[i] = root[j] = min(root[i], root[j])
                    changed = True
    return root


def test_shingles_are_those_of_the_builder() -> None:
    rows = [*made(40), *ODD]
    piece = measure_piece(
        Rows([r["source"] for r in rows], [r["target"] for r in rows], [""] * len(rows)), OPTIONS
    )
    wanted = [stage_shingles("", row["source"], row["target"]) for row in rows]
    assert piece.lengths["shingles"].tolist() == [len(found) for found in wanted]
    starts = np.concatenate([[0], np.cumsum(piece.lengths["shingles"])])
    for i in range(0, len(rows), 3):
        for j in range(len(rows)):
            ours = [set(piece.streams["shingles"][starts[k] : starts[k + 1]]) for k in (i, j)]
            assert len(ours[0] & ours[1]) == len(wanted[i] & wanted[j])


def test_the_share_equals_that_of_datasketch() -> None:
    rows = made(300, seed=4)
    sets = [stage_shingles("", row["source"], row["target"]) for row in rows]
    index = MinHashLSH(threshold=THRESHOLD - 0.3, num_perm=128)
    sketches = []
    for i, items in enumerate(sets):
        sketch = MinHash(num_perm=128)
        sketch.update_batch([item.encode() for item in items])
        index.insert(i, sketch)
        sketches.append(sketch)
    alike = [
        any(j != i and jaccard(sets[i], sets[j]) >= THRESHOLD for j in index.query(sketch))
        for i, sketch in enumerate(sketches)
    ]
    piece = measure_piece(
        Rows([r["source"] for r in rows], [r["target"] for r in rows], [""] * 300), OPTIONS
    )
    found = find_near_rows(
        piece.streams["shingles"], piece.lengths["shingles"], np.zeros(300), np.arange(300)
    )
    assert found.alike.astype(bool).tolist() == alike
    assert found.alike.sum() > 20
    assert found.redundant.sum() == 300 - len(set(chains(sets)))
