"""What is measured in parts and from files: the same numbers, and memory that stays."""

from __future__ import annotations

import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.near_duplicates import chains, join, meetings, verify
from builder.statistics import frame as frames
from builder.statistics import ngrams, partition, segments
from builder.statistics.blocks import Blocks
from builder.statistics.ngrams import count
from builder.statistics.partition import Partition, order_parts
from builder.statistics.study import OF_SOURCE, Settings, study, study_release
from builder.statistics.words import Stream, mark_changes, mix
from tests.builder.statistics.corpora import ODD, made, write


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "RANGE", 300)
    monkeypatch.setattr(ngrams, "PIECE", 170)
    monkeypatch.setattr(segments, "ROWS", 29)
    monkeypatch.setattr(join, "_ROWS", 41)
    monkeypatch.setattr(meetings, "_PAIRS", 20)
    monkeypatch.setattr(chains, "_EDGES", 12)
    monkeypatch.setattr(Stream, "_AT_ONCE", 50)
    pieces = frames.Corpus.pieces
    monkeypatch.setattr(frames.Corpus, "pieces", lambda self, reading: pieces(self, 37, reading))


def test_parts_change_no_number(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    corpora = [write(tmp_path / "a.jsonl", [*made(400), *ODD]), write(tmp_path / "b", made(90, 3))]
    corpora[1] = corpora[1].rename(tmp_path / "b.jsonl")
    whole = study(list(map(str, corpora)))
    assert whole["corpora"][0]["largest_chain_of_near_duplicates"] > 2
    request.getfixturevalue("small_parts")
    assert study(list(map(str, corpora))) == whole


def release(folder: Path, tasks: dict[str, int]) -> Path:
    """A folder of data as a release has it, with so many rows of each task."""
    for seed, (task, rows) in enumerate(tasks.items()):
        table = pa.Table.from_pylist(made(rows, seed))
        for split in ("train", "validation", "test"):
            here = table.filter(pa.compute.equal(table["split"], split)).drop_columns("split")
            path = folder / "data" / task / f"{split}-00000-of-00001.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(here, path)
    return folder / "data"


@pytest.mark.parametrize("tasks", [{"a": 120}, {"a": 150, "b": 90, "c": 40}])
def test_a_release_is_its_tasks_together(tasks: dict[str, int], tmp_path: Path) -> None:
    data = release(tmp_path, tasks)

    def of(path: Path) -> dict[str, object]:
        return {k: v for k, v in study([str(path)])["corpora"][0].items() if k not in OF_SOURCE}

    corpus, each = study_release(data)
    assert corpus["rows"] == sum(tasks.values())
    assert corpus == of(data)
    assert each == {task: of(data / task) for task in tasks}
    assert len({str(document["digest"]) for document in [corpus, *each.values()]}) == len(
        tasks | ({"all": 0} if len(tasks) > 1 else {})
    )


def test_a_frames_texts_are_found_behind_those_of_another(tmp_path: Path) -> None:
    data = release(tmp_path, {"a": 60, "b": 50})
    shutil.rmtree(data / "a")
    alone, _ = study_release(data)
    data = release(tmp_path, {"a": 60, "b": 50})
    together, each = study_release(data)
    assert each["b"] == alone
    assert together["openings"] == study([str(data)], Settings())["corpora"][0]["openings"]


@pytest.mark.parametrize("parts", [1, 7])
def test_a_partition_gives_back_what_was_added_in_its_order(parts: int) -> None:
    rng = np.random.default_rng(0)
    added = [rng.integers(0, 1 << 30, size=(2, size)) for size in (0, 500, 1, 300)]
    with Partition(parts, np.uint64, np.int32) as held:
        for keys, values in added:
            held.add((keys % parts).astype(np.uint16), keys, values)
        scratch = held._folder
        for part in range(parts):
            keys, values = held.read(part)
            wanted = np.concatenate([one[:, one[0] % parts == part] for one in added], axis=1)
            assert (keys.dtype, values.dtype) == (np.uint64, np.int32)
            assert keys.tolist() == wanted[0].tolist()
            assert values.tolist() == wanted[1].tolist()
    assert scratch is None or not scratch.exists()


def test_records_that_differ_from_the_one_before() -> None:
    keys, texts = np.array([3, 3, 3, 7, 7, 9]), np.array([0, 0, 1, 1, 1, 1])
    assert mark_changes(keys).tolist() == [True, False, False, True, False, True]
    assert mark_changes(keys, texts).tolist() == [True, False, True, True, False, True]
    assert mark_changes(keys[:1], texts[:1]).tolist() == [True]
    assert mark_changes(keys[:0]).tolist() == []


def test_ordered_parts_are_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = mix(np.random.default_rng(0).integers(0, 400, 1000).astype(np.uint64))
    monkeypatch.setattr(partition, "RANGE", 90)
    parts = list(order_parts(keys))
    assert len(parts) == 12
    assert np.concatenate(parts).tolist() == np.argsort(keys, kind="stable").tolist()


def peak_of(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture
def hashes(tmp_path: Path) -> Iterator[Callable[[int, int], Stream]]:
    def make(size: int, different: int) -> Stream:
        drawn = np.random.default_rng(size).integers(0, different, size).astype(np.uint64)
        mix(drawn).tofile(tmp_path / f"{size}.u64")
        return Stream(tmp_path / f"{size}.u64")

    yield make


def test_counting_takes_no_more_memory_for_more_tokens(
    hashes: Callable[[int, int], Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition, "RANGE", 1 << 14)
    monkeypatch.setattr(ngrams, "PIECE", 1 << 13)

    def peak(tokens: int, order: int, different: int) -> int:
        stream, lengths = hashes(tokens, different), np.full(tokens // 200, 200)
        blocks = Blocks.of(mix(np.arange(len(lengths), dtype=np.uint64)), 0)
        return peak_of(lambda: count(stream, lengths, order, blocks))

    for order, different in ((1, 3), (2, 100_000)):
        few, many = (peak(tokens, order, different) for tokens in (100_000, 400_000))
        assert (many - few) / 300_000 < 2, (order, few, many)  # a token is 8 bytes


def test_near_duplicates_keep_few_numbers_of_a_row(
    hashes: Callable[[int, int], Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition, "RANGE", 1 << 14)
    monkeypatch.setattr(join, "_ROWS", 128)
    monkeypatch.setattr(meetings, "_PAIRS", 1 << 10)
    monkeypatch.setattr(verify, "_PAIRS", 1 << 7)

    def peak(rows: int) -> int:
        stream, lengths = hashes(100 * rows, 1 << 20), np.full(rows, 100)
        zeros, rank = np.zeros(rows), np.arange(rows)
        return peak_of(lambda: join.find_near_rows(stream, lengths, zeros, rank))

    few, many = peak(1000), peak(4000)
    assert (many - few) / 3000 < 200, (few, many)  # the shingles of a row are 800 bytes
