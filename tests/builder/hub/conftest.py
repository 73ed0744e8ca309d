"""A Hub on loopback for each test, and the real client with short waits."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
from huggingface_hub import HfApi, constants, set_client_factory
from huggingface_hub.utils import _http, disable_progress_bars

from builder.hub.publish import Published, Publisher
from builder.hub.retry import Retry
from tests.builder.hub.releases import make_dataset
from tests.loophub import LoopHub

TOKEN = "hf_alice_write"
REPO = "acme/dimsum_plus"


#: Reading the certificates takes longer than a publish to loopback, which needs none.
CERTIFICATES = ssl.create_default_context()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The client's own back-off without its waits, a time-out, and a cache of the test's own."""
    quick = SimpleNamespace(**{name: getattr(time, name) for name in dir(time)})
    quick.sleep = lambda seconds: time.sleep(min(seconds, 0.01))
    monkeypatch.setattr(_http, "time", quick)
    monkeypatch.setattr(ssl, "create_default_context", lambda *_, **__: CERTIFICATES)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    # hf_xet remembers by address what a Hub has, and ports are used again.
    monkeypatch.setenv("HF_XET_CACHE", str(tmp_path / "xet"))
    monkeypatch.setenv("HF_XET_TELEMETRY_ENABLED", "0")
    monkeypatch.setenv("HF_XET_CLIENT_RETRY_BASE_DELAY", "10ms")
    disable_progress_bars()

    def factory() -> httpx2.Client:
        client = _http.default_client_factory()
        client.timeout = httpx2.Timeout(60.0)
        return client

    set_client_factory(factory)
    yield
    set_client_factory(_http.default_client_factory)


@pytest.fixture(params=["xet", "lfs"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Large files through Xet, then through plain LFS."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", request.param == "lfs")
    return request.param


@pytest.fixture
def hub() -> Iterator[LoopHub]:
    with LoopHub() as hub:
        yield hub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "dimsum_plus")


def api(hub: LoopHub, token: str = TOKEN) -> HfApi:
    return HfApi(endpoint=hub.endpoint, token=token)


Put = Callable[..., Published]
FAST = Retry(first=0.01, longest=0.05)


def publisher(hub: LoopHub, folder: Path, repo: str = REPO, **options: object) -> Publisher:
    token = options.pop("token", TOKEN)
    options.setdefault("retry", FAST)
    return Publisher(folder, repo, api=api(hub, str(token)), **options)  # type: ignore[arg-type]


def publish(hub: LoopHub, folder: Path, repo: str = REPO, **options: object) -> Published:
    return publisher(hub, folder, repo, **options).run()
