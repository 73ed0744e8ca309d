"""One publish over and over on one Hub, each time with something broken.

After each: `main` was never anything but the old release or the new one, the same command brings it
to the end of a clean publish, byte for byte, and there is one commit or one merge for it.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from huggingface_hub import set_client_factory
from huggingface_hub.utils import _http

from builder.errors import BuilderError
from builder.hub.publish import Publisher
from builder.hub.state import StateFile
from tests.builder.hub.conftest import FAST, REPO, TOKEN, api
from tests.builder.hub.releases import COLUMNS, ROWS, make_dataset, make_student
from tests.loophub import LoopHub

#: Seconds that the client waits for an answer where one is slow.
PATIENCE = 0.25
LONG = 60.0
FAULTS: dict[str, dict[str, object]] = {
    "408": {"status": 408},
    "429": {"status": 429, "headers": {"Retry-After": "0.01"}},
    "500": {"status": 500},
    "502": {"status": 502},
    "503": {"status": 503},
    "dropped before": {"drop": "before"},
    "dropped after": {"drop": "after"},
    "truncated": {"truncate": 5},
    "slow": {"delay": 2 * PATIENCE},
}
KILLED = ("killed before", "killed after")
#: What nobody waits for.
NOT_OURS = re.compile(r"/v1/telemetry")

ABSORBED, RESUMED = "absorbed", "resumed"


class Killed(BaseException):
    """The process is gone: nothing catches this."""


@dataclass
class Killer:
    """Kills at one request of the client, before it is sent or once its answer is there.

    Attributes:
        at: which request, from 0; -1 for none.
        when: before or after.
        seen: requests so far.
        marked: the one to be killed after.
    """

    at: int = -1
    when: str = "before"
    seen: int = 0
    marked: httpx2.Request | None = None

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
        if self.seen - 1 == self.at:
            if self.when == "before":
                raise Killed
            self.marked = request

    def after(self, response: httpx2.Response) -> None:
        if self.marked is not None and response.request is self.marked:
            raise Killed


@contextmanager
def steps(at: int = -1, when: str = "before") -> Iterator[list[str]]:
    """Notes the steps that are saved, and kills at the one of that number."""
    saved: list[str] = []
    done = StateFile.done

    def watched(self: StateFile, *names: str, **facts: object) -> None:
        saved.append("+".join(names))
        here = len(saved) - 1 == at
        if here and when == "before":
            raise Killed
        done(self, *names, **facts)  # type: ignore[arg-type]
        if here:
            raise Killed

    StateFile.done = watched  # type: ignore[assignment,method-assign]
    try:
        yield saved
    finally:
        StateFile.done = done  # type: ignore[method-assign]


@dataclass(frozen=True)
class Scenario:
    """What is published over what.

    Attributes:
        name: of it.
        old: whether there is a release already.
        kind: dataset or model.
        limit: operations of one commit.
    """

    name: str
    old: bool
    kind: str = "dataset"
    limit: int = 250

    @property
    def repo(self) -> str:
        return REPO if self.kind == "dataset" else "acme/student"


FIRST = Scenario("first release", old=False)
NEXT = Scenario("next release", old=True)
LARGE = Scenario("large release", old=True, limit=3)
STUDENT = Scenario("student", old=True, kind="model")
SCENARIOS = (FIRST, NEXT, LARGE, STUDENT)


@dataclass(frozen=True)
class Folders:
    """The old release and the new one of each kind."""

    dataset: tuple[Path, Path]
    model: tuple[Path, Path]

    @classmethod
    def make(cls, root: Path, kinds: tuple[str, ...] = ("dataset", "model")) -> Folders:
        """Makes them under a folder; the new dataset has fewer shards."""
        fewer = {key: 5 for key in ROWS if key[1] != "test"}
        nothing = (root, root)
        return cls(
            (
                make_dataset(root / "old" / "dimsum_plus", columns=COLUMNS[:4]),
                make_dataset(root / "new" / "dimsum_plus", fewer, "second", COLUMNS[:4]),
            )
            if "dataset" in kinds
            else nothing,
            (make_student(root / "old" / "student"), make_student(root / "new" / "student", 1))
            if "model" in kinds
            else nothing,
        )


@dataclass(frozen=True)
class Clean:
    """What a clean publish does.

    Attributes:
        requests: METHOD PATH, in the order in which the Hub answered.
        count: of requests by httpx: all but those of Xet.
        steps: saved.
        main: all that it ever was, newest first.
    """

    requests: list[str]
    count: int
    steps: list[str]
    main: list[dict[str, str]]

    def killable(self, number: int) -> str:
        """The name of a request by httpx; uploads side by side may change places."""
        by_httpx = [request for request in self.requests if "/cas/" not in request]
        return by_httpx[number] if number < len(by_httpx) else "another upload"


class Bench:
    """One scenario over and over, each time on the Hub as it was before."""

    def __init__(self, scenario: Scenario, folders: Folders, tmp: Path, hub: LoopHub) -> None:
        self.scenario, self.tmp, self.hub, self.killer = scenario, tmp, hub, Killer()
        old, self.new = folders.dataset if scenario.kind == "dataset" else folders.model
        if scenario.old:
            self.publish(self.copy(old), 250)
        self.restore = hub.snapshot()
        self.clean = self._clean()

    def publish(self, folder: Path, limit: int, **options: str) -> None:
        Publisher(
            folder, self.scenario.repo, api=api(self.hub), retry=FAST, limit=limit, **options
        ).run()  # type: ignore[arg-type]

    def copy(self, folder: Path) -> Path:
        copies = self.tmp / "copy"
        shutil.rmtree(copies, ignore_errors=True)
        return Path(shutil.copytree(folder, copies / folder.name))

    def stage(self, patience: float = LONG) -> Path:
        """The Hub as before, and a copy of the folder to be published."""
        self.restore()
        self.killer.client(patience)
        self.killer.at, self.killer.seen, self.killer.marked = -1, 0, None
        # hf_xet remembers by address what a Hub has.
        os.environ["HF_XET_CACHE"] = tempfile.mkdtemp(dir=self.tmp)
        return self.copy(self.new)

    def go(self, folder: Path) -> None:
        self.publish(folder, self.scenario.limit, tag="v2")

    def _clean(self) -> Clean:
        folder = self.stage()
        with steps() as saved:
            self.go(folder)
        requests = [f"{entry.method} {plain(entry.path)}" for entry in self.hub.log]
        ours = [request for request in requests if not NOT_OURS.search(request)]
        return Clean(ours, self.killer.seen, saved, self.trees())

    def trees(self) -> list[dict[str, str]]:
        """All that main ever was, newest first."""
        repo = self.hub.repo(self.scenario.repo, f"{self.scenario.kind}s")
        return [
            {path: entry.sha256 for path, entry in commit.tree.items()}
            for commit in repo.history("main")
        ]

    # ------------------------------------------------------------------------- what goes wrong

    def fault(self, number: int, name: str) -> str:
        """Breaks one request of the clean publish; says how it went or what is wrong."""
        method, path = pattern(self.clean.requests[number])
        skip = self.clean.requests[:number].count(self.clean.requests[number])

        def arm() -> None:
            self.hub.fault(path, method=method, skip=skip, **FAULTS[name])

        return self.broken(arm, PATIENCE if name == "slow" else LONG)

    def for_ever(self, request: str, status: int) -> str:
        """Breaks a request each time it is made, for longer than all attempts."""
        method, path = pattern(request)
        return self.broken(lambda: self.hub.fault(path, method=method, status=status, times=10**6))

    def kill(self, number: int, when: str) -> str:
        """Kills at a request by httpx."""

        def arm() -> None:
            self.killer.at, self.killer.when = number, when.removeprefix("killed ")

        return self.broken(arm)

    def kill_at_step(self, number: int, when: str) -> str:
        """Kills where a step is saved."""
        folder = self.stage()
        with steps(number, when.removeprefix("killed ")):
            outcome = self._first(folder)
        return self._again(folder, outcome)

    def broken(self, arm: Callable[[], None], patience: float = LONG) -> str:
        """Publishes with something broken, then again; says how it went or what is wrong."""
        folder = self.stage(patience)
        arm()
        return self._again(folder, self._first(folder))

    def _first(self, folder: Path) -> str:
        try:
            self.go(folder)
        except BuilderError as error:
            if TOKEN in error.message + error.hint or "\n" in error.message or not error.hint:
                return f"WRONG message: {error.message}"
            return RESUMED
        except Killed:
            return RESUMED
        return ABSORBED

    def _again(self, folder: Path, outcome: str) -> str:
        if outcome not in (ABSORBED, RESUMED):
            return outcome
        expected = self.clean.main
        if not all(tree in expected for tree in self._seen()):
            return "WRONG: readers of main saw half a release"
        self.hub.reset()
        self.killer.at, self.killer.marked = -1, None
        self.killer.client(LONG)
        self.go(folder)
        if self.trees() != expected:
            return f"WRONG: {len(self.trees())} states of main, {len(expected)} expected"
        where = {"kind": f"{self.scenario.kind}s", "revision": "v2"}
        if self.hub.tree(self.scenario.repo, **where) != expected[0]:
            return "WRONG tag"
        pulls = self.hub.repo(self.scenario.repo, where["kind"]).pulls.values()
        merged = Counter(pull.status for pull in pulls)["merged"]
        if merged != (self.scenario.limit < 250):
            return f"WRONG: {merged} pull requests merged"
        return outcome

    def _seen(self) -> list[dict[str, str]]:
        """What readers of main could see; nothing, where there is no repository yet."""
        try:
            return self.trees()
        except KeyError:
            return []


def plain(path: str) -> str:
    """A path without what differs from run to run."""
    return re.sub(r"[0-9a-f]{40,64}", "*", path)


def pattern(request: str) -> tuple[str, str]:
    """Method and regular expression of the path of a request."""
    method, _, path = request.partition(" ")
    return method, "^" + re.escape(path).replace(r"\*", "[0-9a-f]{40,64}") + "$"
