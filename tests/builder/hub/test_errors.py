"""Each error of the Hub in one line that says what to do, and never a token."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import _http

from builder.errors import BuilderError
from builder.hub import errors
from builder.hub.errors import explain, read_asked_wait, scrub
from builder.hub.retry import Retry, may_pass
from builder.hub.session import hush_client
from builder.hub.verify import verify
from tests.builder.hub.conftest import FAST, REPO, TOKEN, api, publish
from tests.builder.hub.releases import make_dataset
from tests.loophub import LoopHub

QUOTA = "Private repository storage limit reached, please upgrade your plan"


def refused(hub: LoopHub, folder: Path, **options: object) -> BuilderError:
    with pytest.raises(BuilderError) as raised:
        publish(hub, folder, **options)
    error = raised.value
    assert "\n" not in error.message + error.hint
    assert error.hint
    for text in (error.message, error.hint, repr(error.__cause__)):
        assert "hf_" not in text
    return error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repo": "bob/dimsum_plus"}, "the token may not write to bob/dimsum_plus"),
        ({"token": "hf_alice_read"}, "the token may not write to acme/dimsum_plus"),
        ({"token": "hf_nobody_knows_it"}, "the Hub does not accept the token"),
        ({"repo": "no name at all"}, "is no name of a repository"),
        ({"repo": "a/b/c"}, "is no name of a repository"),
        ({"tag": "v 1"}, "'v 1' cannot name a tag"),
        ({"tag": "a..b"}, "'a..b' cannot name a tag"),
        ({"tag": ""}, "'' cannot name a tag"),
        ({"tag": "v1.lock"}, "'v1.lock' cannot name a tag"),
        ({"revision": "-x"}, "'-x' cannot name a branch"),
        ({"revision": "a//b"}, "'a//b' cannot name a branch"),
    ],
)
def test_who_and_where(hub: LoopHub, folder: Path, options: dict, message: str) -> None:
    assert message in refused(hub, folder, **options).message
    assert not hub.repos


def test_a_read_token_on_what_is_there(hub: LoopHub, folder: Path) -> None:
    publish(hub, folder)
    make_dataset(folder, word="second")
    assert "may not write" in refused(hub, folder, token="hf_alice_read").message


def test_not_logged_in(hub: LoopHub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.hub.publish.get_token", lambda: None)
    error = refused(hub, folder, token="")
    assert error.message == "you are not logged in to the Hub"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"path": "/commit/", "status": 403, "message": QUOTA}, "acme has no storage left"),
        ({"path": "/repos/create", "status": 402, "message": "Pay"}, "acme has no storage left"),
        ({"path": "/lfs/objects/batch", "status": 413, "message": QUOTA}, "has no storage left"),
        ({"path": "/lfs/objects/batch", "status": 412, "message": "x"}, "condition of its upload"),
        ({"path": "/lfs/", "method": "PUT", "status": 412, "message": "x"}, "storage refused a fi"),
        ({"path": "/commit/", "status": 412, "message": "moved"}, "main moved"),
        ({"path": "/commit/", "status": 418, "message": "odd hf_abcdefgh"}, "answered 418"),
        ({"path": "validate-yaml", "status": 400, "message": "x"}, "refuses the card's metadata"),
    ],
)
def test_what_the_hub_refuses(
    hub: LoopHub,
    folder: Path,
    fault: dict,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    hub.fault(**fault)
    assert message in refused(hub, folder).message
    publish(hub, folder)


def test_quota_through_xet(hub: LoopHub, folder: Path) -> None:
    hub.fault("/xet-write-token/", status=403, message=QUOTA)
    assert "or acme has no storage left" in refused(hub, folder).message
    publish(hub, folder)


def test_the_hub_is_away(folder: Path) -> None:
    with LoopHub() as hub:
        gone = hub
    error = refused(gone, folder)
    assert "could not be reached" in error.message


def test_reading_what_may_not_be_read(hub: LoopHub, folder: Path) -> None:
    publish(hub, folder, private=True)
    stranger = api(hub, "hf_bob_write")
    with pytest.raises(BuilderError, match="does not exist on the Hub, or this token may not see"):
        verify(REPO, api=stranger, retry=FAST)
    hub.repo(REPO).private, hub.repo(REPO).gated = False, True
    with pytest.raises(BuilderError, match="is gated"):
        verify(REPO, api=stranger, retry=FAST)
    hub.repo(REPO).gated = False
    with pytest.raises(BuilderError, match="has no revision v9"):
        verify(REPO, "v9", api=stranger, retry=FAST)
    assert verify(REPO, api=stranger, retry=FAST).ok


def test_no_list_of_hashes(hub: LoopHub) -> None:
    api(hub).create_repo("acme/other", repo_type="dataset")
    with pytest.raises(BuilderError, match="has no list of hashes"):
        verify("acme/other", api=api(hub), retry=FAST)


def test_a_token_in_the_release_keeps_it_here(hub: LoopHub, folder: Path) -> None:
    make_dataset(folder, summary="hf_" + "a" * 34)
    error = refused(hub, folder)
    assert "access token" in error.message
    assert not hub.repos


def test_nothing_written_holds_the_token(hub: LoopHub, folder: Path) -> None:
    publish(hub, folder)
    for path in folder.parent.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path
    assert not any(
        entry.token for entry in hub.log if entry.side == "store" and entry.path.startswith("/lfs")
    )


def test_scrub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "get_token", lambda: "a-strange-token")
    text = scrub("hf_abcd1234 Bearer x.y a-strange-token given", "given")
    assert text == "*** *** *** ***"


def test_a_busy_hub_is_asked_again_when_it_says(hub: LoopHub, folder: Path) -> None:
    waits: list[float] = []
    retry = Retry(first=0.01, sleep=waits.append)
    hub.fault("/repos/create", status=429, headers={"Retry-After": "7"})
    hub.fault("/commit/", status=429, headers={"ratelimit": '"api";r=0;t=33'})
    publish(hub, folder, retry=retry)
    assert waits == [7.0, 34.0]


class Clock:
    """A clock that nothing but waiting moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def test_a_hub_that_keeps_failing_is_given_up_in_time(hub: LoopHub, folder: Path) -> None:
    clock, lines = Clock(), []
    retry = Retry(patience=120, report=lines.append, sleep=clock.sleep, clock=clock)
    hub.fault("/repos/create", status=503, headers={"Retry-After": "50"}, times=1000)
    assert "answered 503" in refused(hub, folder, retry=retry).message
    assert clock.waits == [50.0, 50.0]
    assert lines == [
        "waiting to make the repository: the Hub answered 503: trying again in 50 s (failure "
        f"{number} of at most 6, in 2 minutes at most)"
        for number in (1, 2)
    ]


def test_a_wait_longer_than_the_patience_is_not_begun(hub: LoopHub, folder: Path) -> None:
    clock = Clock()
    retry = Retry(sleep=clock.sleep, clock=clock)
    hub.fault("/repos/create", status=429, headers={"Retry-After": "4000"})
    assert "after the 4000 s that it asks to wait" in refused(hub, folder, retry=retry).hint
    assert clock.waits == []
    publish(hub, folder, retry=retry)


@pytest.mark.parametrize("path", ["/lfs/objects/batch", "/preupload/"])
def test_no_wait_is_left_to_the_client(
    hub: LoopHub, folder: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    waits: list[float] = []
    monkeypatch.setattr(_http.time, "sleep", waits.append)
    clock = Clock()
    retry = Retry(sleep=clock.sleep, clock=clock)
    hub.fault(path, status=503, headers={"Retry-After": "4000"}, times=1000)
    with hush_client():
        assert "after the 4000 s that it asks to wait" in refused(hub, folder, retry=retry).hint
    assert max(waits, default=0) <= 8
    assert clock.waits == []


def test_questions_share_the_patience_of_their_call() -> None:
    clock = Clock()
    retry = Retry(patience=300, sleep=clock.sleep, clock=clock)

    def fail() -> bool:
        clock.now += 60  # a time-out
        raise TimeoutError

    for _ in range(2):  # the second call has the whole patience again
        began = clock.now
        with pytest.raises(TimeoutError):
            retry(fail, lambda: retry(fail, fail))
        assert 300 < clock.now - began <= 60 + 300 + 60


def test_the_attempts_end_too() -> None:
    clock = Clock()
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        Retry(sleep=clock.sleep, clock=clock)(fail)
    assert len(calls) == 6
    assert clock.waits == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_a_strange_wait_is_no_wait(hub: LoopHub) -> None:
    hub.fault("/whoami", status=429, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})
    with pytest.raises(HfHubHTTPError) as raised:
        api(hub).whoami()
    assert read_asked_wait(raised.value) == 0.0


def test_the_state_is_of_one_release_and_repository(hub: LoopHub, folder: Path) -> None:
    publish(hub, folder)
    publish(hub, folder, "alice/other")
    states = sorted(folder.parent.glob("dimsum_plus.publish/*.json"))
    assert len(states) == 2
    for state in states:
        state.write_text("{ broken")
    assert not publish(hub, folder, "alice/other").new
    assert json.loads(states[1].read_text())["repo_id"] == "alice/other"


def test_the_storage_of_large_files_says_what_it_refused(tmp_path: Path) -> None:
    """The client tells of it by an error of another kind, with the Hub's answer as the cause."""
    response = httpx2.Response(412, request=httpx2.Request("PUT", "https://store.example/x"))
    error = RuntimeError("Error while uploading 'data/train.parquet' to the Hub.")
    error.__cause__ = HfHubHTTPError("412 Precondition Failed", response=response)
    found = explain(error, "acme/x")
    assert found.message.startswith("the Hub's storage refused a file of acme/x: a condition of ")
    assert "(412): Error while uploading 'data/train.parquet'" in found.message
    assert "the same command" in found.hint
    assert not may_pass(error)
