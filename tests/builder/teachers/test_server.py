"""A teacher behind a server: what it asks, what it refuses, and what it takes again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from builder.config import parse_config
from builder.decoding.settings import TeacherSampling
from builder.errors import BuilderError, GateError
from builder.run import build
from builder.sampling import make_sampler, sample_each
from builder.store import Run
from builder.teachers import server as served
from builder.teachers.server import ServedTeacher
from builder.teachers.settings import ServerSettings
from dimsum.errors import UsageError
from tests.builder.engines.test_engines import tables
from tests.builder.teachers.loopback import NAME, Server, serve

WANTED = TeacherSampling(temperature=0.8, top_p=0.9, max_new_tokens=20, banned=("\n",))
PROMPTS = ["News: A cat", "News: The dog"]


@pytest.fixture(scope="module")
def running(toy_teacher: Path) -> Iterator[Server]:
    with serve(toy_teacher) as found:
        yield found


@pytest.fixture
def server(running: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    ends = time.monotonic() + 10
    while running.under_way and time.monotonic() < ends:  # answers that an earlier test cut short
        time.sleep(0.01)
    assert running.under_way == 0
    running.fault = running.key = ""
    running.seen, running.most = [], 0
    running.counts.clear()
    served._ask_version_at.cache_clear()
    monkeypatch.setattr(served, "wait_exponential", lambda **how: lambda state: 0)
    return running


def draw(server: Server, samples: int = 4, **settings: Any) -> Any:
    teacher = ServedTeacher.find(ServerSettings(url=server.url, **settings), NAME)
    return sample_each(
        make_sampler(teacher, WANTED, "sentence"), PROMPTS, samples, 1, lambda n: None
    )


def test_what_is_asked(server: Server) -> None:
    draw(server, extra={"top_k": 0})
    assert len(server.seen) == 8
    assert len({body["seed"] for body in server.seen}) == 8
    one = {**server.seen[0], "seed": 0, "prompt": ""}
    assert one == {
        "model": NAME,
        "prompt": "",
        "seed": 0,
        "n": 1,
        "stream": True,
        "temperature": 0.8,
        "top_p": 0.9,
        "max_tokens": 20,
        "logprobs": 1,
        "stop": ["\n"],
        "top_k": 0,
    }


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_more_than_allowed_are_under_way(server: Server, concurrency: int) -> None:
    server.fault = "slow"
    draw(server, samples=8, concurrency=concurrency)
    # an answer that the asker has cut short may still be told so when the next request comes
    assert concurrency <= server.most <= 2 * concurrency


@pytest.mark.parametrize("fault", ["busy", "cut", "garbage"])
def test_a_fault_of_the_moment_changes_nothing(server: Server, fault: str) -> None:
    expected = draw(server)
    asked = len(server.seen)
    server.fault = fault
    assert draw(server) == expected
    assert len(server.seen) > 2 * asked


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("always_cut", "failed 2 times: an answer broke off"),
        ("empty", "gave 8 answers, all of them empty"),
        ("other_model", "answers with other/model, not toy/teacher"),
        ("no_logprobs", "gives no log-probabilities"),
        ("unknown_field", r"refuses the request \(status 400\): unrecognised field top_k"),
    ],
)
def test_a_server_that_fails_ends_the_run_in_one_line(
    server: Server, fault: str, message: str
) -> None:
    server.fault = fault
    with pytest.raises(BuilderError, match=message) as caught:
        draw(server, tries=2)
    assert caught.value.hint and "\n" not in caught.value.message


def test_another_model(server: Server) -> None:
    with pytest.raises(BuilderError, match=r"has toy/teacher, not gpt2") as caught:
        ServedTeacher.find(ServerSettings(url=server.url), "gpt2")
    assert "teacher.engine.served" in caught.value.hint
    assert ServedTeacher.find(ServerSettings(url=server.url, served=NAME), "gpt2").model == NAME


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(BuilderError, match=r"no server answers at http://127\.0\.0\.1:9/v1"):
        ServedTeacher.find(ServerSettings(url="http://127.0.0.1:9/v1"), NAME)


def test_a_wrong_address(server: Server) -> None:
    with pytest.raises(BuilderError, match="no such address or model") as caught:
        ServedTeacher.find(ServerSettings(url=server.url + "/nowhere"), NAME)
    assert "/v1" in caught.value.hint


def test_a_key_comes_from_the_environment_and_is_written_nowhere(
    server: Server,
    toy_document: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.key = "sesame-7f3a"
    with pytest.raises(BuilderError, match="refuses the key") as caught:
        draw(server)
    assert "DIMSUM_TEACHER_KEY" in caught.value.hint
    monkeypatch.setenv("MY_KEY", server.key)
    toy_document["teacher"] = {
        "model": NAME,
        "engine": {"kind": "server", "url": server.url, "key_variable": "MY_KEY"},
    }
    toy_document["contexts"].update(openings=2, samples=2)
    with suppress(GateError):  # so few contexts may give no pair
        build(parse_config(toy_document), tmp_path / "run")
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len(files) > 20 and server.seen
    assert not [path for path in files if server.key.encode() in path.read_bytes()]


def test_a_build_with_a_server_is_the_same_again_and_says_so_on_its_card(
    server: Server, toy_document: dict[str, Any], tmp_path: Path
) -> None:
    engine = {"kind": "server", "url": server.url, "concurrency": 8}
    toy_document["teacher"] = {"model": NAME, "engine": engine}
    toy_document["contexts"].update(openings=3, samples=2)
    result = build(parse_config(toy_document), tmp_path / "one")
    assert result.rows > 0
    engine["concurrency"] = 3
    build(parse_config(toy_document), tmp_path / "other")
    assert tables(tmp_path / "one") == tables(tmp_path / "other")
    header = Run.open(tmp_path / "one").header()
    assert header["environments"][0]["teacher"] == "a server (vllm 1.2.3)"
    card = (result.dataset / "README.md").read_text()
    assert "teacher on a server (vllm 1.2.3), critic in float32" in card
    assert "The teacher was sampled by a server (vllm 1.2.3)" in card
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "one").glob("*/*.parquet")}
    asked = len(server.seen)
    engine["url"] = server.url.replace("127.0.0.1", "localhost")  # the same one elsewhere
    build(parse_config(toy_document), tmp_path / "one")
    assert len(server.seen) == asked
    kept = [p for p in stamps if p.parent.name in ("contexts", "candidates")]
    assert kept and all(p.stat().st_mtime_ns == stamps[p] for p in kept)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"url": "localhost:8000"}, "is no address"),
        ({"url": "http://me:secret@host/v1"}, "a key does not stand in the address"),
        ({"extra": {"seed": 1}}, "seed is set by the build itself"),
        ({"concurrency": 0}, "concurrency"),
        ({"kind": "serverr"}, "engine"),
    ],
)
def test_mistakes_in_the_settings(
    toy_document: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    engine = {"kind": "server", "url": "http://localhost:1/v1", **change}
    toy_document["teacher"]["engine"] = engine
    with pytest.raises(UsageError, match=message) as caught:
        parse_config(toy_document)
    assert "secret" not in json.dumps([caught.value.message, caught.value.hint])


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ({"kind": "parallel", "endings": 0.1}, "does not hold endings"),
        ({"kind": "parallel", "no_repeat_ngram": 3}, "does not hold no_repeat_ngram"),
        ({"kind": "reordered"}, "reordered computes with the teacher itself"),
    ],
)
def test_what_a_server_does_not_hold_is_refused_at_once(
    toy_document: dict[str, Any], method: dict[str, Any], message: str
) -> None:
    toy_document["teacher"]["engine"] = {"kind": "server", "url": "http://localhost:1/v1"}
    shares = {} if method["kind"] == "reordered" else {"share": 0.5}
    toy_document["candidates"]["methods"] = [{"kind": "parallel", **shares}, {**method, **shares}]
    with pytest.raises(UsageError, match=message):
        parse_config(toy_document)
