"""The status of a run from outside: what a build tells, and what is left when it ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from builder import status as statuses
from builder.cli import run as dimsum
from builder.config import BuildConfig
from builder.status import STATUS, Beacon, find_status
from builder.store import Run
from tests.forked import start_command


def ask(folder: Path, capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert dimsum(["status", str(folder), "--json"]) == 0
    found: dict[str, Any] = json.loads(capfd.readouterr().out)
    return found


def test_a_finished_run(
    toy_run: tuple[Path, BuildConfig], capfd: pytest.CaptureFixture[str]
) -> None:
    folder, _ = toy_run
    found = ask(folder, capfd)
    assert found["state"] == "finished" and found["now"] == {}
    for stage in found["stages"]:
        sidecars = [p for p in (folder / stage["stage"]).iterdir() if p.suffix == ".json"]
        assert stage["done"] == stage["units"] == len(sidecars) > 0
    assert dimsum(["status", str(folder)]) == 0
    assert capfd.readouterr().out.rstrip().endswith("Finished.")


def test_a_run_with_a_damaged_or_missing_file_is_not_finished(
    toy_run: tuple[Path, BuildConfig], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(toy_run[0], folder)
    (folder / "scores/00000.parquet").unlink()
    with (folder / "pairs/00000.parquet").open("ab") as stream:
        stream.write(b"x")
    (folder / "decisions/00000.json").write_text("{")
    found = ask(folder, capfd)
    assert found["state"] == "stopped"
    assert found["damaged"] == [
        "pairs/00000.parquet",
        "scores/00000.parquet",
        "decisions/00000.json",
    ]
    short = {one["stage"] for one in found["stages"] if one["done"] < one["units"]}
    assert short == {"pairs", "scores", "decisions"}
    assert dimsum(["status", str(folder)]) == 0
    out = capfd.readouterr().out
    assert "scores/00000.parquet is missing or damaged; it is made again.\n" in out
    assert out.rstrip().endswith("Stopped; the same `dimsum build` goes on.")


def test_a_build_is_followed_from_outside_until_it_is_killed(
    toy_document: dict[str, Any],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    toy_document["contexts"]["openings"] = 400
    path, folder = tmp_path / "long.yaml", tmp_path / "run"
    path.write_text(yaml.safe_dump(toy_document))
    process = start_command(["build", str(path), "--output", str(folder)])
    try:
        found: dict[str, Any] = {}
        while found.get("now", {}).get("done", 0) < 1:
            assert process.is_alive()
            time.sleep(0.1)
            if (folder / STATUS).is_file():
                found = ask(folder, capfd)
        assert found["state"] == "building" and found["silent"] < 30
        now, first = found["now"], found["stages"][0]
        assert now["process"] == process.pid
        assert now["stage"] == first["stage"] == "contexts" and now["shards"] == first["units"]
        assert 1 <= now["done"] <= first["done"] < first["units"]
        assert now["tokens_per_second"] > 0 and now["seconds_left"] > 0
        assert now["line"].startswith(f"contexts {now['done']}/{now['shards']}")
    finally:
        process.kill()
        process.join()
    monkeypatch.setattr(statuses, "SILENT", 0.0)
    assert ask(folder, capfd)["state"] == "stopped"
    assert dimsum(["status", str(folder)]) == 0
    assert "Stopped without a word" in capfd.readouterr().out


def test_an_interrupted_build_leaves_no_word(toy_run: tuple[Path, BuildConfig]) -> None:
    folder, _ = toy_run
    # Python's own handler: that of the command line would remember, and interrupt the next test.
    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), Beacon(folder, dict):
            while not (folder / STATUS).is_file():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
    finally:
        signal.signal(signal.SIGINT, kept)
    assert not (folder / STATUS).exists()
    assert find_status(Run.open(folder)).state == "finished"


def test_workers_and_their_shards_are_told(
    toy_run: tuple[Path, BuildConfig], capfd: pytest.CaptureFixture[str]
) -> None:
    from builder.progress import Progress

    folder, _ = toy_run
    progress = Progress(quiet=True)
    progress.begin("scores", 8)
    progress.follow({"node1:7": [3, 4], "node2:9": [5]}, 2)
    with Beacon(folder, progress.tell):
        while not (folder / STATUS).is_file():
            time.sleep(0.01)
        assert dimsum(["status", str(folder)]) == 0
        out = capfd.readouterr().out
    assert "node1:7: 3, 4\nnode2:9: 5\n" in out
    assert "scores 0/8  3 with 2 workers  2 lost" in out


def test_no_run_there(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert dimsum(["status", str(tmp_path)]) == 2
    assert "is not a run" in capfd.readouterr().err
