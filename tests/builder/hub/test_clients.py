"""The command line and the clients that readers use, each in a process and a cache of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from builder.hub.local import read_facts
from builder.hub.manifest import list_release_files
from cards.facts import FACTS_PATH, DatasetFacts
from cards.metadata import make_dataset_metadata
from dimsum.files import hash_file
from tests.builder.hub.conftest import REPO, TOKEN
from tests.builder.hub.releases import COLUMNS, ROWS, make_dataset, make_student
from tests.loophub import LoopHub

ROOT = Path(__file__).resolve().parents[3]
STUDENT = "acme/student"
DIMSUM = [sys.executable, "-c", "from builder.cli import main; main()"]
HF = [sys.executable, "-c", "from huggingface_hub.cli.hf import main; main()"]

LOAD = f"""
import json
from datasets import get_dataset_config_names, load_dataset
from huggingface_hub import DatasetCard
name = "{REPO}"
print(json.dumps({{
    "card": DatasetCard.load(name).data.to_dict(),
    "configs": get_dataset_config_names(name),
    "default": {{split: len(rows) for split, rows in load_dataset(name).items()}},
    "summary": list(load_dataset(name, "summary", split="train")["id"]),
    "streamed": [row["id"] for row in load_dataset(name, "summary", split="train", streaming=True)],
    "tagged": list(load_dataset(name, "summary", split="train", revision="v1.0.0")["id"]),
    "types": {{n: f.dtype for n, f in load_dataset(name, split="train").features.items()}},
}}))
"""
GENERATE = f"""
from huggingface_hub import ModelCard
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
name = "{STUDENT}"
tokenizer = AutoTokenizer.from_pretrained(name)
model = AutoModelForSeq2SeqLM.from_pretrained(name)
inputs = tokenizer("the council met", return_tensors="pt")
print(model.generate(**inputs, max_new_tokens=4).shape[0], ModelCard.load(name).data.datasets)
"""


def fresh(
    hub: LoopHub,
    home: Path,
    command: list[str],
    *,
    token: str | None = TOKEN,
    xet: bool = True,
    cwd: Path | None = None,
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Runs a command with a home, a cache and a token of its own."""
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))
    }
    environment |= {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "0" if xet else "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
    }
    if token:
        environment["HF_TOKEN"] = token
    return subprocess.run(
        command,
        env=environment,
        cwd=cwd or home,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def python(hub: LoopHub, home: Path, code: str, **options: object) -> str:
    """What a script prints; it must succeed."""
    done = fresh(hub, home, [sys.executable, "-c", code], **options)  # type: ignore[arg-type]
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip().splitlines()[-1]


def dimsum(
    hub: LoopHub, home: Path, *arguments: str, **options: object
) -> subprocess.CompletedProcess[str]:
    return fresh(hub, home, [*DIMSUM, *arguments], **options)  # type: ignore[arg-type]


def ids(task: str, split: str, word: str, rows: int) -> list[str]:
    return [f"{word} {task} {split} {row} id" for row in range(rows)]


@pytest.mark.parametrize("xet", [True, False], ids=["xet", "lfs"])
def test_a_dataset_from_the_command_line_to_its_readers(
    hub: LoopHub, tmp_path: Path, xet: bool
) -> None:
    folder = make_dataset(tmp_path / "dimsum_plus")
    arguments = ["publish", str(folder), REPO, "--tag", "v1.0.0", "--yes", "--json"]
    login: dict[str, object] = {"xet": xet}
    if xet:
        done = fresh(hub, tmp_path / "a", [*HF, "auth", "login", "--token", TOKEN], token=None)
        assert done.returncode == 0, done.stderr
        login["token"] = None
    done = dimsum(hub, tmp_path / "a", *arguments, **login)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tag"] == "v1.0.0"
    assert TOKEN not in done.stdout + done.stderr

    read = json.loads(python(hub, tmp_path / "b", LOAD, token=None, xet=xet))
    assert read["configs"] == ["default", "paraphrase", "summary"]
    assert read["default"] == {"train": 7, "validation": 3, "test": 2}
    expected = ids("summary", "train", "first", ROWS["summary", "train"])
    assert read["summary"] == read["streamed"] == read["tagged"] == expected
    assert read["types"] == {name: dtype for name, dtype, _ in COLUMNS}
    facts = read_facts(folder / FACTS_PATH)
    assert isinstance(facts, DatasetFacts)
    assert read["card"] == make_dataset_metadata(facts)

    done = dimsum(hub, tmp_path / "c", "verify", f"{REPO}@v1.0.0", token=None, xet=xet)
    assert done.returncode == 0, done.stderr
    assert "all" in done.stdout

    if not xet:
        return
    # Another schema, fewer shards, another licence: no reader of main meets the old card or rows.
    columns = (*COLUMNS[:-1], ("written_by", "string", "model that wrote both sentences"))
    fewer = {("summary", "train"): 5, ("summary", "test"): 1}
    make_dataset(folder, fewer, word="second", columns=columns, texts=())
    done = dimsum(hub, tmp_path / "a", "publish", str(folder), REPO, "--yes", **login)
    assert done.returncode == 0, done.stderr
    read = json.loads(python(hub, tmp_path / "b", LOAD, token=None, xet=xet))
    assert read["configs"] == ["default", "summary"]
    assert read["default"] == {"train": 5, "test": 1}
    assert read["summary"] == ids("summary", "train", "second", 5)
    assert read["tagged"] == expected
    assert "written_by" in read["types"]
    assert read["card"]["license"] == "apache-2.0"


def test_a_student_from_the_command_line_to_its_readers(hub: LoopHub, tmp_path: Path) -> None:
    folder = make_student(tmp_path / "student")
    done = dimsum(hub, tmp_path / "a", "publish", str(folder), STUDENT, "--private", "--yes")
    assert done.returncode == 0, done.stderr
    assert hub.repo(STUDENT, "models").private
    assert python(hub, tmp_path / "b", GENERATE) == "1 ['acme/dimsum_plus']"

    done = fresh(hub, tmp_path / "c", [*HF, "download", STUDENT, "--local-dir", "copy"])
    assert done.returncode == 0, done.stderr
    copy = {
        name: hash_file(path) for name, path in list_release_files(tmp_path / "c" / "copy").items()
    }
    assert copy == {name: hash_file(path) for name, path in list_release_files(folder).items()}
    done = dimsum(hub, tmp_path / "d", "verify", STUDENT, token="hf_bob_write")
    assert done.returncode == 1
    assert "does not exist on the Hub, or this token may not see it" in done.stderr


def test_what_the_command_says_before_and_when_it_may_not(hub: LoopHub, tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "dimsum_plus")
    done = dimsum(hub, tmp_path / "a", "publish", str(folder), REPO, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "11 to add, 0 to change, 0 to delete" in done.stdout
    assert "acme/dimsum_plus is new and will be as its namespace makes them" in done.stdout
    assert not hub.repos
    done = dimsum(hub, tmp_path / "a", "publish", str(folder), REPO)
    assert (done.returncode, done.stdout) == (2, "")
    assert "say it with --yes" in done.stderr
    done = dimsum(hub, tmp_path / "a", "publish", str(folder), REPO, "--yes", token="hf_wrong_one")
    assert done.returncode == 1
    assert "the Hub does not accept the token" in done.stderr
    assert "hf_wrong_one" not in done.stderr
    debug = ("--debug", "publish", str(folder), REPO, "--yes")
    done = dimsum(hub, tmp_path / "a", *debug, token="hf_wrong_one")
    assert "Traceback" in done.stderr
    assert "hf_wrong_one" not in done.stderr
    done = dimsum(hub, tmp_path / "b", "publish", str(folder), REPO, "--yes", token=None)
    assert "you are not logged in to the Hub" in done.stderr


def test_two_publishers_at_once(hub: LoopHub, tmp_path: Path) -> None:
    """Both have looked at main and uploaded before either commits."""
    folders = {
        word: make_dataset(tmp_path / word / "dimsum_plus", word=word) for word in ("one", "two")
    }
    both = threading.Barrier(2, timeout=60)
    hub.fault("/commit/main", call=both.wait, times=2)

    def publish(word: str) -> subprocess.CompletedProcess[str]:
        return dimsum(hub, tmp_path / f"home {word}", "publish", str(folders[word]), REPO, "--yes")

    with ThreadPoolExecutor() as pool:
        done = dict(zip(folders, pool.map(publish, folders), strict=True))
    hub.reset()
    winner, loser = sorted(folders, key=lambda word: done[word].returncode)
    assert [done[winner].returncode, done[loser].returncode] == [0, 1]
    assert "Error: main moved while this was being published" in done[loser].stderr
    assert_published(hub, folders[winner], commits=1)
    assert publish(loser).returncode == 0
    assert_published(hub, folders[loser], commits=2)


def assert_published(hub: LoopHub, folder: Path, commits: int) -> None:
    """Main has a folder's bytes, after so many commits on the first."""
    tree = hub.tree(REPO)
    assert tree.pop(".gitattributes")
    assert tree == {name: hash_file(path) for name, path in list_release_files(folder).items()}
    assert len(hub.repo(REPO).history("main")) == commits + 1


#: In an upload that no Python code sees, where the answer is lost, and at the last step.
KILLS = [("/cas/v1/xorbs/", False), ("/commit/main", True), ("/tag/", False)]


@pytest.mark.parametrize(("path", "after"), KILLS)
def test_killed_for_good(hub: LoopHub, tmp_path: Path, path: str, after: bool) -> None:
    """SIGKILL while the Hub holds the request; with `after`, the Hub does it all the same."""
    folder = make_dataset(tmp_path / "dimsum_plus")
    script = tmp_path / "publish.py"
    script.write_text(
        "import os, pathlib\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
        "from builder.cli import main\n"
        f"main(['publish', {str(folder)!r}, {REPO!r}, '--tag', 'v1', '--yes'])\n"
    )

    def kill() -> None:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)

    hub.fault(path, call=kill, drop=None if after else "before")
    done = fresh(hub, tmp_path / "a", [sys.executable, str(script)])
    assert done.returncode == -signal.SIGKILL
    hub.reset()
    done = dimsum(hub, tmp_path / "a", "publish", str(folder), REPO, "--tag", "v1", "--yes")
    assert done.returncode == 0, done.stderr
    assert_published(hub, folder, commits=1)
    assert hub.tree(REPO, revision="v1") == hub.tree(REPO)
