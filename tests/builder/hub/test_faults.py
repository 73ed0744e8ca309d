"""A publish with something broken: a chosen part of what can go wrong, of every kind.

`scripts/reproduce/publishing.py` breaks every request of every scenario in every way.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest
from huggingface_hub import set_client_factory
from huggingface_hub.utils import _http

from tests.builder.hub.faults import (
    FAULTS,
    FIRST,
    KILLED,
    LARGE,
    NEXT,
    Bench,
    Folders,
    Scenario,
)
from tests.loophub import LoopHub


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return Folders.make(tmp_path_factory.mktemp("releases"), ("dataset",))


@pytest.fixture
def bench(
    request: pytest.FixtureRequest, folders: Folders, tmp_path: Path, hub: LoopHub, way: str
) -> Iterator[Bench]:
    yield Bench(request.param, folders, tmp_path, hub)
    set_client_factory(_http.default_client_factory)


def scenarios(*wanted: tuple[Scenario, str]) -> pytest.MarkDecorator:
    """Scenarios, each by one way."""
    return pytest.mark.parametrize(
        ("bench", "way"), wanted, indirect=True, ids=[f"{s.name}-{way}" for s, way in wanted]
    )


def changing(bench: Bench) -> list[int]:
    """The requests that change something."""
    numbered = enumerate(bench.clean.requests)
    return [number for number, request in numbered if not request.startswith("GET")]


def wrong(outcomes: dict[str, str]) -> dict[str, str]:
    return {what: out for what, out in outcomes.items() if out.startswith("WRONG")}


@scenarios((NEXT, "xet"), (NEXT, "lfs"), (FIRST, "lfs"), (LARGE, "lfs"))
def test_requests_broken(bench: Bench, way: str) -> None:
    """Each in one way, the next one in the next; together every way on every kind of request."""
    chosen = range(len(bench.clean.requests)) if bench.scenario is NEXT else changing(bench)
    names = list(FAULTS)
    # Scenarios begin at different faults, so that the same request meets different ones.
    start = (len(bench.clean.requests) + 3 * (way == "lfs")) % len(names)
    faults = cycle(names[start:] + names[:start])
    outcomes = {
        f"{bench.clean.requests[number]} ({number}): {name}": bench.fault(number, name)
        for number, name in zip(chosen, faults, strict=False)
    }
    assert outcomes
    assert not wrong(outcomes)


@scenarios((NEXT, "xet"), (LARGE, "lfs"))
def test_killed_at_requests_that_change_something(bench: Bench, way: str) -> None:
    ours = [
        number
        for number in range(bench.clean.count)
        if not bench.clean.killable(number).startswith("GET")
    ]
    outcomes = {
        f"{bench.clean.killable(number)} ({number}), {KILLED[turn % 2]}": bench.kill(
            number, KILLED[turn % 2]
        )
        for turn, number in enumerate(ours)
    }
    assert outcomes
    assert not wrong(outcomes)


@scenarios((NEXT, "lfs"), (LARGE, "lfs"))
def test_killed_at_every_step(bench: Bench, way: str) -> None:
    saved = set("+".join(bench.clean.steps).split("+"))
    assert saved == {"linted", "repository", "uploaded", "verified", "visible", "tagged"}
    outcomes = {
        f"{name} ({number}), {KILLED[number % 2]}": bench.kill_at_step(number, KILLED[number % 2])
        for number, name in enumerate(bench.clean.steps)
    }
    assert not wrong(outcomes)


@scenarios((NEXT, "lfs"))
@pytest.mark.parametrize("status", [500, 503])
def test_requests_that_never_succeed(bench: Bench, way: str, status: int) -> None:
    """Longer than all attempts: the command fails in one line, and goes on the next time.

    But for the verification of an upload: the Hub has the bytes, asked again it wants none of them,
    and so there is nothing left to verify but the whole release, at the end.
    """
    names = list(dict.fromkeys(bench.clean.requests[number] for number in changing(bench)))
    outcomes = {name: bench.for_ever(name, status) for name in names[status == 503 :: 2]}
    expected = {name: "absorbed" if "objects/verify" in name else "resumed" for name in outcomes}
    assert outcomes == expected
