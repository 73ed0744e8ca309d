"""How the command line meets what it cannot do: two lines, and options that exist."""

from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from builder.cli import LazyGroup, root, run
from dimsum import network, os_errors
from dimsum.files import write_text

ROOT = Path(__file__).parents[1]


def commands(group: click.Group, name: str = "dimsum") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for verb in group.list_commands(context):
        found = group.get_command(context, verb)
        assert found is not None
        yield f"{name} {verb}", found
        if isinstance(found, click.Group):
            yield from commands(found, f"{name} {verb}")


def test_hints_name_options_that_exist() -> None:
    assert isinstance(root, LazyGroup)
    known = {"--debug", "--help", "--version", "--no-deps", "--require-hashes"}
    for _, command in commands(root):
        for option in command.params:
            known |= {*option.opts, *option.secondary_opts}
    named = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
    unknown = set()
    for package in ("builder", "dimsum", "cards"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            for hint in re.findall(r"hint=\(?((?:\s*f?\"[^\"\n]*\")+)", text):
                unknown |= {(path.name, one) for one in named.findall(hint) if one not in known}
    assert len(known) > 60
    assert unknown == set()


def test_numbers_that_cannot_be_are_refused_by_their_option() -> None:
    unbounded = {
        f"{name} {option.opts[0]}"
        for name, command in commands(root)
        for option in command.params
        if option.type is click.INT
    }
    # It has an error of its own, which says what would do.
    assert unbounded <= {"dimsum audit draw -n", "dimsum audit draw --n"}


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (OSError(errno.ENOSPC, "No space left", "a/b"), "no room left to write a/b", "free some"),
        (OSError(errno.EROFS, "Read-only file system", "a"), "a: Read-only file system", "written"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "no room left", "free"),
        (RuntimeError("Permission denied (os error 13)"), "Permission denied", "another place"),
    ],
)
def test_what_the_system_refuses_is_no_surprise(error: Exception, message: str, hint: str) -> None:
    found = os_errors.explain(error)
    assert found is not None
    assert message in found[0]
    assert hint in found[1]
    assert os_errors.explain(KeyError("x")) is None


def test_a_link_to_nothing_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    rows = '{"source": "One two three.", "target": "One two."}\n' * 4
    (tmp_path / "a.jsonl").write_text(rows)
    code = run(
        ["audit", "draw", str(tmp_path / "a.jsonl"), "-o", str(tmp_path / "link"), "-n", "2"]
    )
    said = capfd.readouterr().err.splitlines()
    assert code == 1
    assert said == [
        f"Error: {tmp_path}/link is a link to nothing.",
        "Hint:  remove it, or make what it points to",
    ]


def test_new_files_have_the_rights_of_any_new_file(tmp_path: Path) -> None:
    code = (
        "import os, sys; os.umask(0o027); from pathlib import Path;"
        "from dimsum.files import write_text; write_text(Path(sys.argv[1]), 'x')"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a")], check=True)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    write_text(tmp_path / "b", "x")
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o666 & ~mask


def test_a_hub_that_does_not_answer_is_found_out_in_time(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    network.prefer_cache_when_offline()
    assert constants.HF_HUB_OFFLINE is True
    assert capfd.readouterr().err == (
        "http://127.0.0.1:9 does not answer; only what is cached is used\n"
    )
    monkeypatch.setattr(network, "_ask", lambda url: time.sleep(30))
    monkeypatch.setattr(network, "PATIENCE", 0.05)
    monkeypatch.setattr(network, "TIMEOUT", 0.2)
    assert network.answers("http://slow.example") is False
    assert capfd.readouterr().err == "waiting for http://slow.example ...\n"


def test_a_terminal_of_few_characters_gets_escapes(tmp_path: Path) -> None:
    path = tmp_path / "größe.jsonl"
    path.write_text('{"source": "a"}\n')
    done = subprocess.run(
        [sys.executable, "-c", "from builder.cli import main; main()", "stats", str(path)],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    assert done.returncode == 2
    assert "größe.jsonl has no column 'target'" in done.stderr.decode("utf-8")
