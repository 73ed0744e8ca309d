"""How the command line meets what it cannot do: two lines, and options that exist."""

from __future__ import annotations

import ast
import errno
import fcntl
import json
import math
import os
import pty
import re
import stat
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from pydantic import BaseModel
from rich.console import Console

from builder.cli import LazyGroup, root, run
from builder.commands import output
from builder.config import BuildConfig
from builder.critics.recipe import CriticRecipe
from builder.distill import DistillConfig
from builder.rescore import Comparison
from builder.statistics.funnel import Step
from dimsum import os_errors
from dimsum.commands.output import print_json
from dimsum.files import try_file, write_text

ROOT = Path(__file__).parents[1]
ERRORS = {
    *("DimsumError", "UsageError", "ModelError", "Busy"),
    *("BuilderError", "ConfigError", "NoMemory", "GateError", "CardError"),
}


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


def leaves() -> Iterator[tuple[str, click.Command]]:
    for name, command in commands(root):
        if not isinstance(command, click.Group):
            yield name, command


def test_every_command_prints_json_and_explains_its_options() -> None:
    found = dict(leaves())
    assert len(found) > 20
    for name, command in found.items():
        options = [one for one in command.params if isinstance(one, click.Option)]
        assert "--json" in {text for one in options for text in one.opts}, name
        assert [one.name for one in options if not one.help] == [], name


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    for inner in get_args(annotation):
        yield from models_in(inner)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation


def test_every_setting_is_explained() -> None:
    seen: set[type[BaseModel]] = set()
    waiting: list[type[BaseModel]] = [BuildConfig, DistillConfig, CriticRecipe]
    bare = []
    while waiting:
        model = waiting.pop()
        if model in seen:
            continue
        seen.add(model)
        for name, field in model.model_fields.items():
            inner = list(models_in(field.annotation))
            waiting += inner
            if not (field.description or inner):
                bare.append(f"{model.__name__}.{name}")
    assert len(seen) > 20
    assert bare == []


def step(stage: str, rejected: dict[str, int]) -> Step:
    return Step(stage, "ordered pairs", 1_234_567, 1_234_000, rejected, 1.0, {})


@pytest.mark.parametrize("width", [20, 40, 80])
def test_tables_keep_their_headers_and_numbers_on_a_narrow_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def narrow() -> Console:
        return Console(width=width, highlight=False, no_color=True)

    monkeypatch.setattr(output, "make_console", narrow)
    steps = [step("near_duplicates", {"summary.near_duplicate": 500, "x": 67}), step("splits", {})]
    output.print_funnel(steps)
    output.print_rescore(Comparison(BuildConfig.model_construct(), {"summary": 2_345_678}, {}, 3))
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= width
    for word in ("entered", "retained", "rejected", "counted", "before", "after", "change"):
        assert word in shown
    for number in ("1,234,567", "567", "2,345,678", "-2,345,678"):
        assert number in shown
    assert "…" not in shown


NOISY = """
import sys, types, warnings
import click
from builder import cli

@click.command()
def noisy():
    warnings.warn("old", FutureWarning)
    warnings.warn("mine", UserWarning)

module = types.ModuleType("noisy")
module.noisy = noisy
sys.modules["noisy"] = module
cli.VERBS["noisy"] = ("noisy:noisy", "")
sys.exit(cli.run(sys.argv[1:]))
"""


def test_warnings_of_libraries_about_their_own_future_are_kept_off_the_screen() -> None:
    def said(*arguments: str) -> str:
        command = [sys.executable, "-c", NOISY, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stderr

    assert "FutureWarning" not in said("noisy")
    assert "UserWarning: mine" in said("noisy")
    assert "FutureWarning: old" in said("--debug", "noisy")


@pytest.mark.parametrize(
    "words",
    [
        ["calibrate", ".", __file__, "--precision", "nan"],
        ["critic", "evaluate", "x", "y", "--pass-rate", "NaN"],
        ["critic", "join", "x", "y", "-o", "z", "--alone-below", "nan"],
    ],
)
def test_a_share_is_a_number(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    assert f"{words[-1]} is not a number" in capfd.readouterr().err


def test_json_has_no_number_that_json_has_not(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [1.5, math.nan, (math.inf,)], "b": {"c": -math.inf}})
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert found == {"a": [1.5, None, [None]], "b": {"c": None}}


def test_without_a_home_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    rows = '{"source": "One two three four.", "target": "One two."}\n' * 4
    (tmp_path / "a.jsonl").write_text(rows)
    homes = {name: str(tmp_path / "file/none") for name in ("HOME", "XDG_CACHE_HOME", "HF_HOME")}
    for arguments in (["stats", "a.jsonl", "--json"], ["init", "mine.yaml"]):
        done = subprocess.run(
            [sys.executable, "-c", "from builder.cli import main; main()", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **homes, "PYTHONPATH": str(ROOT)},
        )
        said = done.stderr.removeprefix("a.jsonl: 4 pairs read\n")
        assert (done.returncode, said) == (0, "")


def test_a_home_that_nobody_has(capfd: pytest.CaptureFixture[str]) -> None:
    for words in (["stats", "~nosuchuser/a.jsonl"], ["build", "~nosuchuser/a.yaml"]):
        assert run(words) == 1
        assert capfd.readouterr().err.splitlines() == [
            "Error: there is no home folder for a path that begins with ~.",
            "Hint:  write the path out",
        ]


def test_no_command_writes_over_what_it_reads(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, link = tmp_path / "a.jsonl", tmp_path / "link.jsonl"
    path.write_text('{"source": "One two three.", "target": "One two."}\n' * 4)
    link.symlink_to(path)
    before = path.read_bytes()
    (tmp_path / "folder").mkdir()
    header = tmp_path / "folder" / "run.json"
    header.write_text("{}")
    for command in (
        ["report", str(tmp_path / "folder"), "-o", str(header)],
        ["stats", str(tmp_path / "folder"), "-o", str(header)],
        ["calibrate", str(tmp_path / "folder"), str(path), "-o", str(header)],
        ["stats", str(path), "-o", str(path)],
        ["stats", str(path), "-o", str(link)],
        ["stats", str(link), "--against", str(path), "-o", str(path)],
        ["report", str(tmp_path / "folder"), "--statistics", str(path), "-o", str(path)],
        ["calibrate", str(tmp_path / "folder"), str(path), "-o", str(path)],
    ):
        assert run(command) == 2
        said = capfd.readouterr().err.splitlines()
        assert said[0].endswith("is what is read."), command
        assert said[1] == "Hint:  choose another name"
    assert path.read_bytes() == before
    assert header.read_text() == "{}"


def test_a_configuration_begins_with_openings_that_can_be_read(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.txt").write_text("\n\n")
    for name in ("nosuch.txt", "empty.txt"):
        command = ["init", str(tmp_path / "m.yaml"), "--domain", "x"]
        assert run([*command, "--openings", str(tmp_path / name)]) == 2
        assert name in capfd.readouterr().err
        assert not (tmp_path / "m.yaml").exists()


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


def test_a_name_that_no_repository_has_is_refused_without_the_hub(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for words in (["verify", "nosuch"], ["publish", str(tmp_path), "a/b/c", "--dry-run"]):
        assert run(words) == 2
        said = capfd.readouterr().err.splitlines()
        assert said[0].endswith("is no name of a repository."), words
        assert said[1] == "Hint:  give it as NS/NAME"


def test_no_command_goes_through_a_link_to_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    data = tmp_path / "a.jsonl"
    data.write_text('{"source": "One two three.", "target": "One two."}\n' * 4)
    learns = ["--set", "objective.lambda=0", "--set", "objective.teacher=embedded:nosuch"]
    for words in (
        ["init", str(link), "--force"],
        ["stats", str(data), "-o", str(link)],
        ["build", "embedded", "-o", str(link)],
        ["train", str(data), "-o", str(link)],
        ["critic", "train", str(data), "-o", str(link)],
        ["distill", "embedded", "-o", str(link)],
        ["sweep", "embedded", "--over", "seed=0,1", "-o", str(link)],
        ["teacher-logits", str(data), "-o", str(link), "--set", "objective.kind=gkd", *learns],
        ["show", str(link)],
        ["report", str(link)],
        ["build", str(link)],
        ["generate", str(link), str(data), "--task", "summary"],
    ):
        assert run(words) in (1, 2), words
        said = capfd.readouterr().err.splitlines()
        assert re.search("link to nothing|link that leads nowhere", " ".join(said)), words
        assert len(said) == 2, words
        assert link.is_symlink()
    assert not (tmp_path / "nowhere").exists()


def test_outputs_do_not_take_the_place_of_a_link_to_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    link = tmp_path / "o.txt"
    link.symlink_to(tmp_path / "nowhere")
    (tmp_path / "a.txt").write_text("One two three.\n")
    command = ["generate", "embedded:nosuch", str(tmp_path / "a.txt"), "--task", "summary"]
    assert run([*command, "-o", str(link)]) == 2
    assert "is a link that leads nowhere" in capfd.readouterr().err
    assert link.is_symlink()


def test_without_a_choice_there_is_nothing_that_it_goes_by(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("One two three.\n")
    command = ["generate", "embedded:nosuch", str(tmp_path / "a.txt"), "--task", "paraphrase"]
    assert run([*command, "--rerank-by", "difference"]) == 2
    assert "give --rerank a number" in capfd.readouterr().err
    assert run([*command, "--no-copies", "-n", "2"]) == 2
    assert "leave --no-copies out" in capfd.readouterr().err


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


def test_a_file_that_ends_too_early_is_no_interrupt(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: Any, **named: Any) -> None:
        raise EOFError("Ran out of input")

    monkeypatch.setattr("builder.statistics.study.study", fail)
    assert run(["stats", __file__]) == 1
    assert "EOFError: Ran out of input." in capfd.readouterr().err


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


def test_every_error_says_what_to_do() -> None:
    bare, seen = [], 0
    for package in ("builder", "dimsum", "cards"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ERRORS:
                    seen += 1
                    if not any(one.arg == "hint" for one in node.keywords):
                        bare.append(f"{path.name}:{node.lineno}")
    assert seen > 200
    assert bare == []


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    """So does /dev/null, in whose place the administrator could put a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code = "import sys; print(open(sys.argv[1]).read(), end='')"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(pipe)], stdout=subprocess.PIPE, text=True
    ) as reader:
        try_file(pipe)
        write_text(pipe, "x")
        assert reader.communicate(timeout=60)[0] == "x"
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_stream_that_is_closed_is_written_to_by_nobody(closed: str) -> None:
    command = f"{sys.executable} -m builder.cli --help {closed}"
    assert subprocess.run(["bash", "-c", command], check=False).returncode == 0


def test_a_terminal_that_calls_itself_dumb_is_as_wide_as_it_is() -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 40, 0, 0))
    code = "from builder.commands.output import make_console; print(make_console().width)"
    kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    subprocess.run(
        [sys.executable, "-c", code],
        stdout=theirs,
        check=True,
        env={**kept, "TERM": "dumb", "PYTHONPATH": str(ROOT)},
    )
    os.close(theirs)
    assert os.read(ours, 100).strip() == b"40"
    os.close(ours)
