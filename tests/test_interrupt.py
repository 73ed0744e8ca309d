"""Ctrl-C that lands where a library hides it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator

import pytest
from pydantic import BaseModel, field_serializer

from builder import cli
from dimsum import interrupt


class Document(BaseModel):
    """Is interrupted while pydantic writes it."""

    name: str

    @field_serializer("name")
    def _serialize(self, value: str) -> str:
        signal.raise_signal(signal.SIGINT)
        return value


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupt.listen()
    yield
    interrupt.listen()
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_an_interrupt_that_a_library_wraps_is_still_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exception, match="KeyboardInterrupt") as wrapped:
        Document(name="a").model_dump_json()
    assert not isinstance(wrapped.value, KeyboardInterrupt)  # what the rest is about
    with (
        pytest.raises(KeyboardInterrupt),
        interrupt.explain_resuming(["dimsum", "build", "a file"]),
    ):
        Document(name="a").model_dump_json()
    assert capsys.readouterr().err == "Interrupted. Go on with: dimsum build 'a file'\n"


def test_the_command_line_ends_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli.root, "main", lambda **_: Document(name="a").model_dump_json())
    assert cli.run(["doctor"]) == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_the_command_that_goes_on_is_the_one_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dimsum.training.teacher_logits.prepare_logits", stop)
    monkeypatch.setattr(sys, "argv", ["a_script.py", "--its-own"])
    asked = ["teacher-logits", "my pairs.jsonl", "-o", "logits", "--set", "epochs=1"]
    assert cli.run(asked) == 130
    said = "Go on with: dimsum teacher-logits 'my pairs.jsonl' -o logits --set epochs=1"
    assert capsys.readouterr().err.strip() == f"Interrupted. {said}"


def test_other_errors_pass(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="another"), interrupt.explain_resuming(["dimsum"]):
        raise ValueError("another")
    assert capsys.readouterr().err == ""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_lost_interrupt_is_found_again() -> None:
    interrupt.check()

    class Finalised:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    Finalised()
    with pytest.raises(KeyboardInterrupt):
        interrupt.check()


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupt.listen()
    signal.raise_signal(signal.SIGINT)
    assert not interrupt.is_interrupt(RuntimeError())
