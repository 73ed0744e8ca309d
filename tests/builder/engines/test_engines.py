"""Engines: the same bytes wherever units are made, whatever is killed on the way."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from builder.cli import main
from builder.config import BuildConfig, parse_config
from builder.engines.processes import Processes, ProcessesSettings
from builder.errors import BuilderError, GateError
from builder.run import build
from builder.stages.scores import Ledger
from builder.store import Run
from dimsum.errors import UsageError
from dimsum.files import hash_file
from dimsum.settings import apply_overrides
from tests.forked import fork_workers, start

BACKWARDS = "tests.builder.engines.backwards:BackwardsSettings"


def with_engine(config: BuildConfig, text: str) -> BuildConfig:
    return apply_overrides(config, [f"run.engine={text}"])


def tables(folder: Path) -> dict[str, str]:
    """sha256 of every table of a run and of its release."""
    found = sorted(folder.rglob("*.parquet"))
    return {path.relative_to(folder).as_posix(): hash_file(path) for path in found}


@pytest.mark.parametrize(
    "engine",
    ["{kind: processes, workers: 1}", "{kind: processes, workers: 2}", f"{{kind: '{BACKWARDS}'}}"],
)
def test_every_engine_gives_the_same_bytes(
    toy_run: tuple[Path, BuildConfig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    engine: str,
) -> None:
    if "workers: 1" in engine:  # two are started as users' are
        fork_workers(monkeypatch)
    folder, config = toy_run
    build(with_engine(config, engine), tmp_path / "run")
    assert len(tables(folder)) > 20
    assert tables(tmp_path / "run") == tables(folder)
    for stage in ("contexts", "splits"):
        one, other = (Run.open(path).sidecar(stage, 0) for path in (folder, tmp_path / "run"))
        assert one is not None and other is not None
        assert one.fingerprint == other.fingerprint
    assert not multiprocessing.active_children()


def count_threads() -> int:
    import torch

    return torch.get_num_threads()


@pytest.mark.parametrize(("workers", "threads"), [(1, 1), (2, 1), (2, 2)])
def test_a_worker_has_the_threads_of_its_settings(workers: int, threads: int) -> None:
    """Sums of floats depend on their order, so never on how many workers there are."""
    given = {"workers": workers} if threads == 1 else {"workers": workers, "threads": threads}
    with ProcessesSettings(**given).start() as engine:
        assert isinstance(engine, Processes)
        found = [engine._start().submit(count_threads) for _ in range(2 * workers)]
        assert {one.result() for one in found} == {threads}


@pytest.mark.embedded
def test_embeddings_have_the_same_bytes_in_one_worker_and_in_two(
    toy_document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork_workers(monkeypatch)
    toy_document["pairs"]["encoder"] = "embedded:minilm-l6"
    config = parse_config(toy_document)
    build(config, tmp_path / "here")
    cosines = Run.open(tmp_path / "here").read("pairs", 0)["cosine"].to_pylist()
    assert len(set(cosines)) > 10
    for workers in (1, 2):
        folder = tmp_path / f"{workers}"
        build(with_engine(config, f"{{kind: processes, workers: {workers}}}"), folder)
        assert tables(folder) == tables(tmp_path / "here")


def test_a_run_goes_on_under_another_engine(
    toy_run: tuple[Path, BuildConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, config = toy_run
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "score", fails)
        with pytest.raises(BuilderError, match="no critic today"):
            build(config, tmp_path / "run")
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*.parquet")}
    assert stamps
    build(with_engine(config, f"{{kind: '{BACKWARDS}'}}"), tmp_path / "run")
    assert tables(tmp_path / "run") == tables(folder)
    assert {p: p.stat().st_mtime_ns for p in stamps} == stamps


def fails(*arguments: Any) -> None:
    raise BuilderError("no critic today")


def test_a_killed_worker_is_a_clear_end_and_the_run_goes_on(
    toy_run: tuple[Path, BuildConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork_workers(monkeypatch)
    folder, config = toy_run

    def kill() -> None:
        while not (tmp_path / "run/contexts/00000.json").is_file():
            time.sleep(0.005)
        for worker in multiprocessing.active_children():
            os.kill(worker.pid or 0, signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    with pytest.raises(BuilderError, match="was killed") as error:
        build(with_engine(config, "{kind: processes, workers: 2}"), tmp_path / "run")
    killer.join()
    assert "run.engine.workers" in error.value.hint
    done = {p: p.stat().st_mtime_ns for p in (tmp_path / "run/contexts").glob("*.json")}
    build(config, tmp_path / "run")
    assert {p: p.stat().st_mtime_ns for p in done} == done
    assert tables(tmp_path / "run") == tables(folder)


def command_in_a_session(words: list[str]) -> None:
    os.setsid()
    sys.argv = ["dimsum", *words]
    main()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_workers_end_with_their_parent(
    toy_document: dict[str, Any], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    toy_document["contexts"]["openings"] = 100
    toy_document["run"] = {"engine": {"kind": "processes", "workers": 1}}
    path = tmp_path / "long.yaml"
    path.write_text(yaml.safe_dump(toy_document))
    words = ["build", str(path), "--output", str(tmp_path / "run")]
    process = start(command_in_a_session, words, output=tmp_path / "said")
    while not list((tmp_path / "run").glob("contexts/*.json")):
        time.sleep(0.02)
        assert process.is_alive(), (tmp_path / "said").read_text()
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    if number == signal.SIGINT:  # as a terminal does it: to every process of the group
        os.killpg(process.pid or 0, number)
    else:
        process.kill()
    process.join()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive
    errors = (tmp_path / "said").read_text()
    assert process.exitcode == code, errors
    assert "Traceback" not in errors
    assert ("Go on with: dimsum build" in errors) == (code == 130)
    units = sorted((tmp_path / "run").rglob("*.json"))
    time.sleep(0.5)
    assert sorted((tmp_path / "run").rglob("*.json")) == units


def test_errors_travel_whole() -> None:
    error = pickle.loads(pickle.dumps(GateError("too few", hint="draw more")))
    assert (error.message, error.hint, error.exit_code) == ("too few", "draw more", 3)


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        ({"kind": "proceses"}, "no engine is called 'proceses'; did you mean 'processes'"),
        ({"kind": "processes"}, "run.engine.workers is missing"),
        ({"kind": "processes", "workers": 0}, "run.engine.workers: Input should be greater"),
        ({"kind": "processes", "workers": 1, "thread": 2}, "unknown key run.engine.thread"),
        ({"kind": "builder.nowhere:X"}, "cannot be imported"),
        ({"kind": "builder.store:Run"}, "no class of EngineSettings"),
    ],
)
def test_mistakes_in_engines(
    toy_document: dict[str, Any], engine: dict[str, Any], message: str
) -> None:
    toy_document["run"] = {"engine": engine}
    with pytest.raises(UsageError, match=message) as caught:
        parse_config(toy_document)
    if "no engine" in message:
        assert caught.value.hint.startswith("engines are in_process, processes")
