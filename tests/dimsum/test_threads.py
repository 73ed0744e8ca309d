"""Threads are as many as measure fastest, unless somebody has decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import torch

from dimsum import threads


@pytest.fixture(autouse=True)
def undecided(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    monkeypatch.setattr(threads, "_decided", [])
    for name in threads.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("seconds", "fastest"),
    [
        ([4.0, 2.0, 1.0], 4),  # a machine with nothing else to do
        ([1.0, 2.0, 9.0], 1),  # others are at work on its cores
        ([4.0, 1.0, 2.0], 2),
        ([1.05, 1.0, 1.0], 1),  # more threads gain nothing
    ],
)
def test_the_fewest_threads_that_are_about_as_fast_as_any(
    seconds: list[float], fastest: int
) -> None:
    assert threads.pick_fastest([1, 2, 4], seconds) == fastest


def test_threads_are_measured_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Sequence[int]] = []

    def busy(counts: Sequence[int]) -> list[float]:
        asked.append(counts)
        return [float(count) for count in counts]

    monkeypatch.setattr(threads, "time_threads", busy)
    assert threads.use_fastest_threads() == 1
    assert torch.get_num_threads() == 1
    torch.set_num_threads(4)
    assert threads.use_fastest_threads() == 4
    assert asked == [[1, 2, 4]]


def test_who_sets_the_threads_has_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "time_threads", lambda counts: pytest.fail("measured"))
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert threads.use_fastest_threads() == 4
    threads.use_threads(2)
    assert threads.use_fastest_threads() == 2


def test_all_counts_do_the_same_work_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "MOST_SECONDS", 0.0)
    found = threads.time_threads([1, 2])
    assert len(found) == 2
    assert min(found) > 0
    assert torch.get_num_threads() == 4
