"""Every request of a publish broken, one at a time, and the publisher killed at every request.

After each: `main` was never anything but the old release or the new one, the same command brings it
to the end of a clean publish, byte for byte, and there is one commit or one merge for it.

By default each request is broken in one way, the next request in the next way. With
`DIMSUM_FAULTS=all` each is broken in every way (an hour), and with `DIMSUM_FAULTS_TABLE=FILE` the
outcomes are written there as a table.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import set_client_factory
from huggingface_hub.utils import _http

from builder.errors import BuilderError
from tests.builder.hub.conftest import REPO, TOKEN, publish
from tests.builder.hub.releases import ROWS, make_dataset
from tests.loophub import LoopHub

ALL = os.environ.get("DIMSUM_FAULTS") == "all"
TABLE = os.environ.get("DIMSUM_FAULTS_TABLE")

#: Seconds that the client waits for an answer; a slow one takes longer.
PATIENCE = 1.0
FAULTS: dict[str, dict[str, object]] = {
    "408": {"status": 408},
    "429": {"status": 429, "headers": {"Retry-After": "0.01"}},
    "500": {"status": 500},
    "502": {"status": 502},
    "503": {"status": 503},
    "dropped before": {"drop": "before"},
    "dropped after": {"drop": "after"},
    "truncated": {"truncate": 5},
    "slow": {"delay": 1.5 * PATIENCE},
}
#: What nobody waits for.
NOT_OURS = re.compile(r"/v1/telemetry")


class Killed(BaseException):
    """The process is gone: nothing catches this."""


@dataclass
class Killer:
    """Kills at one request of the client, before it is sent or once its answer is there."""

    at: int = -1
    when: str = "before"
    seen: int = 0

    def before(self, request: httpx2.Request) -> None:
        self.seen += 1
        if self.seen - 1 == self.at and self.when == "before":
            raise Killed

    def after(self, response: httpx2.Response) -> None:
        if self.seen - 1 == self.at and self.when == "after":
            raise Killed


@pytest.fixture
def killer() -> Iterator[Killer]:
    killer = Killer()

    def factory() -> httpx2.Client:
        client = _http.default_client_factory()
        client.timeout = httpx2.Timeout(PATIENCE)
        hooks = client.event_hooks
        client.event_hooks = {
            "request": [*hooks["request"], killer.before],
            "response": [killer.after],
        }
        return client

    set_client_factory(factory)
    yield killer
    set_client_factory(_http.default_client_factory)


@dataclass(frozen=True)
class Scenario:
    """What is published over what."""

    name: str
    old: bool
    limit: int = 250


SCENARIOS = [
    Scenario("first release", old=False),
    Scenario("next release", old=True),
    Scenario("large release", old=True, limit=3),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("releases")
    fewer = {key: 5 for key in ROWS if key[1] != "test"}
    return (
        make_dataset(root / "old" / "dimsum_plus"),
        make_dataset(root / "new" / "dimsum_plus", fewer, word="second"),
    )


@dataclass
class Bench:
    """One scenario over and over, each time on a Hub of its own."""

    scenario: Scenario
    folders: tuple[Path, Path]
    tmp: Path
    killer: Killer

    def stage(self, hub: LoopHub) -> Path:
        """The Hub before, and a copy of the folder to be published."""
        copies = []
        for number, folder in enumerate(self.folders):
            copy = self.tmp / f"copy-{number}" / "dimsum_plus"
            shutil.rmtree(copy.parent, ignore_errors=True)
            shutil.copytree(folder, copy)
            copies.append(copy)
        self.killer.at = -1
        os.environ["HF_XET_CACHE"] = tempfile.mkdtemp(dir=self.tmp)
        if self.scenario.old:
            publish(hub, copies[0])
        hub.reset()
        return copies[1]

    def go(self, hub: LoopHub, folder: Path) -> None:
        publish(hub, folder, limit=self.scenario.limit, tag="v2")

    def clean(self) -> tuple[list[str], int, list[dict[str, str]]]:
        """The requests of a clean publish, those of them by httpx, and main's trees since."""
        with LoopHub() as hub:
            folder = self.stage(hub)
            self.killer.seen = 0
            self.go(hub, folder)
            requests = [f"{entry.method} {plain(entry.path)}" for entry in hub.log]
            return (
                [request for request in requests if not NOT_OURS.search(request)],
                self.killer.seen,
                trees(hub),
            )

    def broken(self, prepare: Callable[[LoopHub], None], expected: list[dict[str, str]]) -> str:
        """Publishes with something broken, then again; says how it went or what is wrong."""
        with LoopHub() as hub:
            folder = self.stage(hub)
            self.killer.seen = 0
            prepare(hub)
            outcome = "absorbed"
            try:
                self.go(hub, folder)
            except BuilderError as error:
                outcome = "resumed"
                if TOKEN in error.message or "\n" in error.message or not error.hint:
                    return f"WRONG message: {error.message}"
            except Killed:
                outcome = "resumed"
            hub.reset()
            self.killer.at = -1
            self.go(hub, folder)
            self.go(hub, folder)
            if trees(hub) != expected:
                return f"WRONG: {len(trees(hub))} states of main, {len(expected)} expected"
            if hub.tree(REPO, revision="v2") != expected[0]:
                return "WRONG tag"
            statuses = Counter(pull.status for pull in hub.repo(REPO).pulls.values())
            if statuses["merged"] != (self.scenario.limit < 250):
                return f"WRONG pull requests: {statuses}"
            return outcome


def plain(path: str) -> str:
    """A path without what differs from run to run."""
    return re.sub(r"[0-9a-f]{40,64}", "*", path)


def pattern(request: str) -> tuple[str, str]:
    """Method and regular expression of the path of a request."""
    method, _, path = request.partition(" ")
    return method, "^" + re.escape(path).replace(r"\*", "[0-9a-f]{40,64}") + "$"


def trees(hub: LoopHub) -> list[dict[str, str]]:
    """All that main ever was, newest first."""
    repo = hub.repo(REPO)
    return [
        {path: entry.sha256 for path, entry in commit.tree.items()}
        for commit in repo.history("main")
    ]


@pytest.fixture(params=SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "-"))
def bench(
    request: pytest.FixtureRequest,
    folders: tuple[Path, Path],
    tmp_path: Path,
    killer: Killer,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Bench:
    monkeypatch.setenv("HF_XET_CACHE", str(tmp_path))
    return Bench(request.param, folders, tmp_path, killer)


def report(title: str, way: str, rows: list[tuple[str, str, str]]) -> None:
    """Fails with what went wrong; writes the table if one is wanted."""
    if TABLE:
        with Path(TABLE).open("a", encoding="utf-8") as file:
            file.write(f"\n### {title}, {way}\n\n| request | fault | outcome |\n|---|---|---|\n")
            file.writelines(f"| `{what}` | {fault} | {out} |\n" for what, fault, out in rows)
    wrong = [row for row in rows if row[2].startswith("WRONG")]
    assert rows
    assert not wrong, wrong


def test_every_request_broken(bench: Bench, way: str) -> None:
    requests, _, expected = bench.clean()
    seen: Counter[str] = Counter()
    rows = []
    # Another beginning for each scenario and way, so that together they break more in more ways.
    turn = SCENARIOS.index(bench.scenario) * 2 + (way == "lfs")
    for number, request in enumerate(requests):
        method, path = pattern(request)
        skip, seen[request] = seen[request], seen[request] + 1
        names = list(FAULTS)
        for name in names if ALL else [names[(number + turn) % len(names)]]:
            if name == "slow" and not ALL and path.startswith("^/cas"):
                continue  # hf_xet waits for two minutes

            def arm(hub: LoopHub, name: str = name, path: str = path, skip: int = skip) -> None:
                hub.fault(path, method=method, skip=skip, **FAULTS[name])  # noqa: B023

            began = time.monotonic()
            outcome = bench.broken(arm, expected)
            rows.append((request, name, f"{outcome}, {time.monotonic() - began:.1f} s"))
    report(f"{bench.scenario.name}, one fault", way, rows)


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_request(bench: Bench, way: str, when: str) -> None:
    requests, count, expected = bench.clean()
    hub_requests = [request for request in requests if "/cas/" not in request]
    rows = []
    for number in range(count):
        # The client's own order is the Hub's log but for uploads side by side.
        request = hub_requests[number] if number < len(hub_requests) else "?"
        if not ALL and request.startswith("GET") and number % 4 != (when == "after"):
            continue

        def arm(hub: LoopHub, number: int = number) -> None:
            bench.killer.at, bench.killer.when = number, when

        rows.append((request, f"killed {when}", bench.broken(arm, expected)))
    report(f"{bench.scenario.name}, killed {when}", way, rows)


@pytest.mark.parametrize("status", [500, 503])
def test_a_request_that_never_succeeds(bench: Bench, way: str, status: int) -> None:
    """Longer than all attempts: the command fails in one line, and goes on the next time."""
    requests, _, expected = bench.clean()
    rows = []
    for number, request in enumerate(dict.fromkeys(requests)):
        if "/cas/" in request or (not ALL and number % 3 != (status == 503)):
            continue  # hf_xet gives up after a minute
        method, path = pattern(request)

        def arm(hub: LoopHub, method: str = method, path: str = path) -> None:
            hub.fault(path, method=method, status=status, times=10**6)

        rows.append((request, f"{status} for ever", bench.broken(arm, expected)))
    report(f"{bench.scenario.name}, {status} for ever", way, rows)
