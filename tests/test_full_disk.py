"""A disk without room: two lines that name what could not be written, and the same command goes on.

A limit on the size of files stands in for the disk. It fails as a full one does: a write is cut
short, and the next one is refused.
"""

from __future__ import annotations

import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from builder.cli import run
from dimsum.errors import DimsumError
from dimsum.files import name_full_folder, open_whole_folder, try_folder
from tests.student_toys import toy_pairs, write_jsonl, write_pairs

Capture = pytest.CaptureFixture[str]
HINT = "Hint:  free some space and run the same command again; finished work is kept"


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file can grow beyond so many bytes.

    Modules that are imported meanwhile are not compiled to files, which would be cut short.
    """
    compiled, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
        sys.dont_write_bytecode = compiled


def refused(command: list[str], size: int, capfd: Capture) -> str:
    """What a command says that fails for want of room, without its hint."""
    with room(size):
        assert run(command) == 1
    *_, error, hint = capfd.readouterr().err.splitlines()
    assert hint == HINT
    return error


def test_the_folder_is_named_whatever_the_library_says(tmp_path: Path) -> None:
    tensor = torch.zeros(5000)
    for number, save in enumerate(
        (
            lambda path: torch.save({"a": tensor}, path),
            lambda path: save_file({"a": tensor}, path),
            lambda path: path.write_bytes(bytes(20000)),
        )
    ):
        folder = tmp_path / f"folder-{number}"
        with (
            room(10000),
            pytest.raises(DimsumError) as raised,
            open_whole_folder(folder) as scratch,
        ):
            save(scratch / "file")
        assert raised.value.message == f"no room left to write {folder}"
        with (
            room(10000),
            pytest.raises(DimsumError, match="no room left"),
            name_full_folder(tmp_path),
        ):
            save(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with pytest.raises(ZeroDivisionError), name_full_folder(tmp_path):
        raise ZeroDivisionError


def test_a_place_without_room_is_found_before_the_work(tmp_path: Path, capfd: Capture) -> None:
    with room(1000), pytest.raises(DimsumError, match=f"no room left to write {tmp_path}"):
        try_folder(tmp_path)
    try_folder(tmp_path)
    write_jsonl(tmp_path / "a.jsonl", toy_pairs(8))
    command = ["stats", str(tmp_path / "a.jsonl"), "-o", str(tmp_path / "o.json")]
    with room(1000):
        assert run(command) == 1
    assert capfd.readouterr().err.splitlines() == [
        f"Error: no room left to write {tmp_path}.",
        HINT,
    ]
    assert list(tmp_path.iterdir()) == [tmp_path / "a.jsonl"]


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(60_000, id="weights"),
        pytest.param(150_000, id="optimiser"),
    ],
)
def test_a_training_goes_on(size: int, toy_t5: Path, tmp_path: Path, capfd: Capture) -> None:
    data = str(write_pairs(tmp_path))
    student = tmp_path / "student"
    command = ["train", data, "--student", str(toy_t5), "--preset", "embedded", "--quiet"]
    command += ["--set", "sample_pairs=0", "--set", "evaluations=2", "-o", str(student)]
    said = refused(command, size, capfd)
    assert said == f"Error: no room left to write {student}."
    assert not (student / "student.json").exists()
    assert run(command) == 0
    assert (student / "student.json").is_file()


def test_a_critic_s_training_goes_on(toy_critic: Path, tmp_path: Path, capfd: Capture) -> None:
    rows = [{"premise": "The dog eats", "hypothesis": "The dog sings", "label": "neutral"}] * 8
    data = str(write_jsonl(tmp_path / "n.jsonl", rows))
    critic = tmp_path / "critic"
    command = ["critic", "train", data, "-o", str(critic), "--set", f"base={toy_critic}"]
    command += ["--set", "method=full", "--set", "template=null", "--set", "layers=null"]
    assert refused(command, 5000, capfd) == f"Error: no room left to write {critic}."
    assert not critic.exists()
    assert run(command) == 0
    assert (critic / "critic.json").is_file()


def test_a_smaller_student_and_logits(toy_llama: Path, tmp_path: Path, capfd: Capture) -> None:
    small, logits = tmp_path / "small", tmp_path / "logits"
    shrink = ["shrink", str(toy_llama), "--layers", "1", "-o", str(small)]
    assert refused(shrink, 5000, capfd) == f"Error: no room left to write {small}."
    assert run(shrink) == 0
    data = str(write_pairs(tmp_path))
    write = ["teacher-logits", data, "--student", str(toy_llama), "--preset", "embedded", "--quiet"]
    write += ["--set", "objective.kind=gkd", "--set", "objective.lambda=0"]
    write += ["--set", f"objective.teacher={toy_llama}", "-o", str(logits)]
    part = logits / "train-00000.safetensors"
    assert refused(write, 5000, capfd) == f"Error: no room left to write {part}."
    assert run(write) == 0


def test_outputs_are_kept(
    toy_t5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    monkeypatch.setattr("dimsum.generate.CHUNK", 8)
    data = str(write_jsonl(tmp_path / "a.jsonl", toy_pairs(40)))
    output = tmp_path / "o.jsonl"
    command = ["generate", str(toy_t5), data, "--task", "summary", "-o", str(output), "--quiet"]
    with room(9_000):
        assert run(command) == 1
    said = capfd.readouterr().err.splitlines()
    part = tmp_path / "o.jsonl.unfinished"
    assert said[-2:] == [
        f"Error: no room left to write {part}.",
        "Hint:  free some space and run the same command again; finished work is kept",
    ]
    assert part.read_text().count("\n") >= 8
    assert run(command) == 0
    assert output.read_text().count("\n") == 40
