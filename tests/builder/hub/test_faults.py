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

#: Seconds that the client waits for an answer where one is slow.
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

    def client(self, patience: float) -> None:
        """Gives the Hub's library a client of this killer's, with a time-out in seconds."""

        def factory() -> httpx2.Client:
            client = _http.default_client_factory()
            client.timeout = httpx2.Timeout(patience)
            client.event_hooks = {
                "request": [*client.event_hooks["request"], self.before],
                "response": [self.after],
            }
            return client

        set_client_factory(factory)

    def before(self, request: httpx2.Request) -> None:
        self.seen += 1
        if self.seen - 1 == self.at and self.when == "before":
            raise Killed

    def after(self, response: httpx2.Response) -> None:
        if self.seen - 1 == self.at and self.when == "after":
            raise Killed


@pytest.fixture
def killer() -> Iterator[Killer]:
    yield Killer()
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


class Bench:
    """One scenario over and over, each time on the Hub as it was before."""

    def __init__(
        self,
        scenario: Scenario,
        folders: tuple[Path, Path],
        tmp: Path,
        killer: Killer,
        hub: LoopHub,
    ) -> None:
        self.scenario, self.new, self.tmp = scenario, folders[1], tmp
        self.killer, self.hub = killer, hub
        if scenario.old:
            publish(hub, self.copy(folders[0]))
        self.restore = hub.snapshot()

    def copy(self, folder: Path) -> Path:
        place = self.tmp / "copy"
        shutil.rmtree(place, ignore_errors=True)
        return Path(shutil.copytree(folder, place / "dimsum_plus"))

    def stage(self, patience: float = 60.0) -> Path:
        """The Hub as before, and a copy of the folder to be published."""
        self.restore()
        self.killer.client(patience)
        self.killer.at, self.killer.seen = -1, 0
        # hf_xet remembers by address what a Hub has.
        os.environ["HF_XET_CACHE"] = tempfile.mkdtemp(dir=self.tmp)
        return self.copy(self.new)

    def go(self, folder: Path) -> None:
        publish(self.hub, folder, limit=self.scenario.limit, tag="v2")

    def clean(self) -> tuple[list[str], int, list[dict[str, str]]]:
        """The requests of a clean publish, how many by httpx, and all that main ever was."""
        self.go(self.stage())
        requests = [f"{entry.method} {plain(entry.path)}" for entry in self.hub.log]
        ours = [request for request in requests if not NOT_OURS.search(request)]
        return ours, self.killer.seen, trees(self.hub)

    def broken(
        self, arm: Callable[[], None], expected: list[dict[str, str]], patience: float = 60.0
    ) -> str:
        """Publishes with something broken, then again; says how it went or what is wrong."""
        folder = self.stage(patience)
        arm()
        outcome = "absorbed"
        try:
            self.go(folder)
        except BuilderError as error:
            outcome = "resumed"
            if TOKEN in error.message or "\n" in error.message or not error.hint:
                return f"WRONG message: {error.message}"
        except Killed:
            outcome = "resumed"
        self.hub.reset()
        self.killer.at = -1
        self.killer.client(60.0)
        self.go(folder)
        if trees(self.hub) != expected:
            return f"WRONG: {len(trees(self.hub))} states of main, {len(expected)} expected"
        if self.hub.tree(REPO, revision="v2") != expected[0]:
            return "WRONG tag"
        statuses = Counter(pull.status for pull in self.hub.repo(REPO).pulls.values())
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
    hub: LoopHub,
) -> Bench:
    return Bench(request.param, folders, tmp_path, killer, hub)


def chosen(bench: Bench, way: str, request: str) -> bool:
    """Without DIMSUM_FAULTS=all: what changes something, and all of the most common publish."""
    if ALL or bench.scenario.name == "next release":
        return True
    return not request.startswith("GET") and way == "lfs"


def report(title: str, way: str, rows: list[tuple[str, str, str]]) -> None:
    """Fails with what went wrong; writes the table if one is wanted."""
    if not rows:
        pytest.skip("with DIMSUM_FAULTS=all")
    if TABLE:
        with Path(TABLE).open("a", encoding="utf-8") as file:
            file.write(f"\n### {title}, {way}\n\n| request | fault | outcome |\n|---|---|---|\n")
            file.writelines(f"| `{what}` | {fault} | {out} |\n" for what, fault, out in rows)
    wrong = [row for row in rows if row[2].startswith("WRONG")]
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
        if not chosen(bench, way, request):
            continue
        names = list(FAULTS)
        for name in names if ALL else [names[(number + turn) % len(names)]]:

            def arm(name: str = name, path: str = path, skip: int = skip) -> None:
                bench.hub.fault(path, method=method, skip=skip, **FAULTS[name])  # noqa: B023

            patience = PATIENCE if name == "slow" else 60.0
            rows.append((request, name, bench.broken(arm, expected, patience)))
    report(f"{bench.scenario.name}, one fault", way, rows)


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_request(bench: Bench, way: str, when: str) -> None:
    if not (
        ALL or bench.scenario.name == "next release" or (bench.scenario.limit, way) == (3, "lfs")
    ):
        pytest.skip("with DIMSUM_FAULTS=all")
    requests, count, expected = bench.clean()
    # The client's own order is the Hub's log but for uploads side by side.
    by_httpx = [request for request in requests if "/cas/" not in request]
    rows = []
    for number in range(count):
        request = by_httpx[number] if number < len(by_httpx) else "?"
        if not ALL and request.startswith("GET"):
            continue

        def arm(number: int = number) -> None:
            bench.killer.at, bench.killer.when = number, when

        rows.append((request, f"killed {when}", bench.broken(arm, expected)))
    report(f"{bench.scenario.name}, killed {when}", way, rows)


@pytest.mark.parametrize("status", [500, 503])
def test_a_request_that_never_succeeds(bench: Bench, way: str, status: int) -> None:
    """Longer than all attempts: the command fails in one line, and goes on the next time."""
    if not (ALL or (bench.scenario.name, way) == ("next release", "lfs")):
        pytest.skip("with DIMSUM_FAULTS=all")
    requests, _, expected = bench.clean()
    rows = []
    for number, request in enumerate(dict.fromkeys(requests)):
        # hf_xet gives up after a minute only.
        if "/cas/" in request or "xet-" in request:
            continue
        if not ALL and (request.startswith("GET") or number % 2 != (status == 503)):
            continue
        method, path = pattern(request)

        def arm(method: str = method, path: str = path) -> None:
            bench.hub.fault(path, method=method, status=status, times=10**6)

        rows.append((request, f"{status} for ever", bench.broken(arm, expected)))
    report(f"{bench.scenario.name}, {status} for ever", way, rows)
