"""Ray: the same bytes by any number of workers in any order, whatever is lost on the way."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from builder.commands.build import build as build_command
from builder.config import BuildConfig, parse_config
from builder.engines import ray_workers
from builder.engines.ray import OnRay, RaySettings
from builder.engines.ray_workers import Greeting, check_version, join
from builder.errors import BuilderError, ConfigError
from builder.progress import Progress
from builder.run import build
from builder.stages.order import find_stage
from builder.store import Run
from dimsum.errors import UsageError
from dimsum.settings import apply_overrides
from tests.builder.engines.test_engines import tables, with_engine

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed (extra ray)"
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of this machine with four workers' room; it starts once, which takes longest."""
    os.environ.setdefault("RAY_worker_niceness", "0")
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 4})
    yield found
    found.shutdown()


def on(cluster: Any, workers: int, **others: int) -> str:
    return json.dumps({"kind": "ray", "address": cluster.address, "workers": workers, **others})


def parse(text: str) -> RaySettings:
    return RaySettings.model_validate_json(text)


class Followed(Progress):
    """What a progress line is told."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.most: dict[str, int] = {}
        self.lines: list[str] = []
        self.losses = 0

    def say(self, line: str) -> None:
        self.lines.append(line)

    def follow(self, under_way: Mapping[str, Sequence[int]], lost: int) -> None:
        super().follow(under_way, lost)
        self.losses = lost
        for name, shards in under_way.items():
            self.most[name] = max(self.most.get(name, 0), len(shards))


@needs_ray
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_any_number_of_workers_gives_the_same_bytes(
    cluster: Any, toy_run: tuple[Path, BuildConfig], tmp_path: Path, workers: int
) -> None:
    folder, config = toy_run
    followed = Followed()
    build(with_engine(config, on(cluster, workers)), tmp_path / "run", progress=followed)
    assert tables(tmp_path / "run") == tables(folder)
    actors = {name: most for name, most in followed.most.items() if name != "tasks"}
    assert 1 <= len(actors) <= workers
    assert max(actors.values()) <= RaySettings().window
    assert followed.most["tasks"] <= RaySettings().window * workers
    one, other = (Run.open(path).sidecar("scores", 0) for path in (folder, tmp_path / "run"))
    assert one is not None and other is not None
    assert one.fingerprint == other.fingerprint


@needs_ray
def test_the_order_in_which_units_end_decides_nothing(
    cluster: Any,
    toy_run: tuple[Path, BuildConfig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, config = toy_run
    rng = random.Random(1)
    seen: list[int] = []
    inner = OnRay._map

    def shuffled(self: OnRay, crew: Any, shards: Sequence[int], watch: Any) -> Iterator[Any]:
        mixed = [*shards]
        rng.shuffle(mixed)
        made = [*inner(self, crew, mixed, watch)]
        rng.shuffle(made)
        seen.extend(one.record.shard for one in made)
        yield from made

    monkeypatch.setattr(OnRay, "_map", shuffled)
    build(with_engine(config, on(cluster, 2)), tmp_path / "run")
    assert seen != sorted(seen)
    assert tables(tmp_path / "run") == tables(folder)


def kill_a_worker(run: Path, killed: list[int]) -> None:
    """SIGKILL an actor that has begun, once the first context is there."""
    while not (run / "contexts/00000.json").is_file():
        time.sleep(0.005)
    for line in subprocess.run(
        ["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True
    ).stdout.splitlines():
        pid, _, words = line.strip().partition(" ")
        if words.startswith("ray::Worker"):
            killed.append(int(pid))
            os.kill(int(pid), signal.SIGKILL)
            return


@needs_ray
def test_the_units_of_a_killed_worker_are_made_by_another(
    cluster: Any, toy_document: dict[str, Any], tmp_path: Path
) -> None:
    toy_document["contexts"]["openings"] = 24
    config = parse_config(toy_document)
    build(config, tmp_path / "here")
    killed: list[int] = []
    killer = threading.Thread(target=kill_a_worker, args=(tmp_path / "run", killed), daemon=True)
    killer.start()
    followed = Followed()
    build(with_engine(config, on(cluster, 2)), tmp_path / "run", progress=followed)
    killer.join()
    assert killed and followed.losses == 1
    assert any(line.startswith("lost the worker") for line in followed.lines)
    assert tables(tmp_path / "run") == tables(tmp_path / "here")


@needs_ray
def test_a_unit_that_ends_every_worker_ends_the_run(
    cluster: Any,
    toy_run: tuple[Path, BuildConfig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, config = toy_run
    monkeypatch.setattr(ray_workers.Worker, "make", lambda self, folder, stage, shard: os._exit(9))
    # by value, as the class of a script: the workers import another one otherwise
    monkeypatch.setattr(ray_workers.Worker, "__module__", "__main__")
    with pytest.raises(BuilderError, match="2 workers were lost with shard") as caught:
        build(with_engine(config, on(cluster, 1, tries=2)), tmp_path / "run")
    assert "run.engine.workers" in caught.value.hint


@needs_ray
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_whose_driver_ends_goes_on(
    cluster: Any, toy_document: dict[str, Any], tmp_path: Path, number: signal.Signals
) -> None:
    toy_document["contexts"]["openings"] = 24
    path = tmp_path / "long.yaml"
    path.write_text(yaml.safe_dump(toy_document))
    words = [sys.executable, "-m", "builder.cli", "build", str(path), "--engine", on(cluster, 1)]
    process = subprocess.Popen(
        [*words, "--output", str(tmp_path / "run")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while not list((tmp_path / "run").glob("contexts/*.json")):
        time.sleep(0.02)
        assert process.poll() is None, process.communicate()
    if number == signal.SIGINT:  # as a terminal does it: to every process of the group
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    assert process.stderr is not None
    process.wait(timeout=60)
    if number != signal.SIGKILL:
        errors = process.stderr.read()
        assert process.returncode == 130, errors
        assert "Go on with: dimsum build" in errors and "--engine" in errors
    time.sleep(0.5)
    units = sorted((tmp_path / "run").rglob("*.json"))
    time.sleep(0.5)
    assert sorted((tmp_path / "run").rglob("*.json")) == units
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*.parquet")}
    config = parse_config(toy_document)
    build(config, tmp_path / "run")
    build(config, tmp_path / "whole")
    assert tables(tmp_path / "run") == tables(tmp_path / "whole")
    finished = [p for p in stamps if p.with_suffix(".json") in units and "." not in p.stem]
    assert {p: p.stat().st_mtime_ns for p in finished} == {p: stamps[p] for p in finished}


@pytest.fixture(scope="module")
def head() -> Iterator[Any]:
    """A cluster with room for one worker, which soon misses a node that is silent."""
    from ray.cluster_utils import Cluster

    soon = {"health_check_period_ms": 500, "health_check_failure_threshold": 3}
    found = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False, "_system_config": soon},
    )
    yield found
    found.shutdown()


class Leaver(threading.Thread):
    """A node with room for a second worker; it leaves with a unit of a stage under way on it.

    Attributes:
        node: it, as the cluster knows it.
        log: a line for every unit that a worker began: its node, stage and shard.
        told: whether the cluster is told, as at an orderly end, or left to find out.
    """

    def __init__(
        self, head: Any, stage: str, log: Path, patch: pytest.MonkeyPatch, told: bool = True
    ) -> None:
        super().__init__(daemon=True)
        self.head, self.stage, self.log, self.told = head, stage, log, told
        self.node = head.add_node(num_cpus=1)
        there, make = self.node.node_id, ray_workers._make
        log.touch()

        def make_or_wait(folder: Path, name: str, shard: int) -> Any:
            import ray

            here = ray.get_runtime_context().get_node_id()
            with log.open("a") as lines:
                lines.write(f"{here} {name} {shard}\n")
            if (here, name) == (there, stage):
                time.sleep(60)
            while name == stage and f"{there} {stage} " not in log.read_text():
                time.sleep(0.02)  # or no unit might be left for the node
            return make(folder, name, shard)

        patch.setattr(ray_workers, "_make", make_or_wait)
        patch.setattr(ray_workers.Worker, "make", lambda self, *unit: make_or_wait(*unit))
        # by value, as the class of a script: the workers import another one otherwise
        patch.setattr(ray_workers.Worker, "__module__", "__main__")
        self.start()

    def find(self) -> list[tuple[str, str, str]]:
        """Node, stage and shard of each unit that was begun, in this order."""
        lines = self.log.read_text().split("\n")
        return [(node, stage, shard) for node, stage, shard in map(str.split, lines[:-1])]

    def find_there(self) -> list[tuple[str, str]]:
        """Stage and shard of those that were begun on the node."""
        return [(stage, shard) for node, stage, shard in self.find() if node == self.node.node_id]

    def run(self) -> None:
        while self.stage not in [stage for stage, _ in self.find_there()]:
            time.sleep(0.02)
        self.head.remove_node(self.node, allow_graceful=self.told)


@needs_ray
def test_a_node_that_leaves_costs_nothing_but_its_units(
    head: Any, toy_run: tuple[Path, BuildConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, config = toy_run
    leaver = Leaver(head, "contexts", tmp_path / "begun", monkeypatch)
    followed = Followed()
    build(with_engine(config, on(head, 2)), tmp_path / "run", progress=followed)
    leaver.join()
    assert tables(tmp_path / "run") == tables(folder)
    assert followed.losses == 1
    assert any(line.startswith("lost the worker") for line in followed.lines)
    begun = Counter((stage, shard) for _, stage, shard in leaver.find())
    assert {unit for unit, times in begun.items() if times > 1} == set(leaver.find_there())
    made = Run.open(tmp_path / "run")
    assert begun.total() == len(leaver.find_there()) + len([*made.folder.glob("*/[0-9]*.json")])


@needs_ray
def test_a_command_that_failed_with_a_node_goes_on_without_it(
    head: Any,
    toy_document: dict[str, Any],
    toy_run: tuple[Path, BuildConfig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is gone at once, and had a task under way: the stage has no models."""
    folder, _ = toy_run
    shutil.copytree(folder, tmp_path / "run")
    for path in (tmp_path / "run/pairs").iterdir():
        path.unlink()
    shutil.rmtree(tmp_path / "run/dimsum_plus")
    path = tmp_path / "toy.yaml"
    path.write_text(yaml.safe_dump(toy_document))
    words = [str(path), "--engine", on(head, 2, tries=1), "--output", str(tmp_path / "run")]
    leaver = Leaver(head, "pairs", tmp_path / "begun", monkeypatch, told=False)
    failed = CliRunner().invoke(build_command, words).exception
    leaver.join()
    assert isinstance(failed, BuilderError) and "1 workers were lost with shard" in str(failed)
    assert not (tmp_path / "run/dimsum_plus").exists()
    assert CliRunner().invoke(build_command, words).exit_code == 0
    assert tables(tmp_path / "run") == tables(folder)
    assert {unit[1] for unit in leaver.find()} == {"pairs"}


@needs_ray
def test_a_fault_of_a_unit_is_said_as_without_ray(
    cluster: Any, toy_run: tuple[Path, BuildConfig], tmp_path: Path
) -> None:
    """An input that is gone, in a task and in an actor."""
    folder, _ = toy_run
    shutil.copytree(folder, tmp_path / "run")
    with parse(on(cluster, 1)).start() as engine:
        for stage, upstream in (("pairs", "candidates"), ("duplicates", "decisions")):
            (tmp_path / f"run/{upstream}/00000.parquet").unlink()
            with pytest.raises(
                BuilderError, match=r"00000\.parquet is missing or damaged"
            ) as caught:
                next(engine.map(tmp_path / "run", stage, [0], Followed()))
            assert type(caught.value) is BuilderError
            assert caught.value.hint == "`dimsum build` makes it again"


@needs_ray
def test_a_folder_that_workers_do_not_see(
    cluster: Any, toy_run: tuple[Path, BuildConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = toy_run
    greeting = Greeting("0", "node7:12", sees=False)
    with parse(on(cluster, 1)).start() as engine:
        monkeypatch.setattr(engine.ray, "get", lambda reference: greeting)
        monkeypatch.setattr(ray_workers, "__version__", "0")
        with pytest.raises(BuilderError, match="node7:12 does not find") as caught:
            next(engine.map(folder, "contexts", [0], Followed()))
    assert "every machine of the cluster sees" in caught.value.hint


@needs_ray
def test_no_cluster_answers(toy_document: dict[str, Any], tmp_path: Path) -> None:
    config = with_engine(parse_config(toy_document), "{kind: ray, address: '127.0.0.1:1'}")
    with pytest.raises(BuilderError, match=r"no Ray cluster answers at 127\.0\.0\.1:1") as caught:
        build(config, tmp_path / "run")
    assert "ray start" in caught.value.hint
    assert not list((tmp_path / "run").glob("*/*"))


def test_ray_that_is_not_installed(
    toy_document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    config = with_engine(parse_config(toy_document), "{kind: ray}")
    with pytest.raises(UsageError, match="Ray is not installed") as caught:
        build(config, tmp_path / "run")
    assert "dimsum-plus[ray]" in caught.value.hint


def test_workers_of_another_version_are_refused() -> None:
    with pytest.raises(BuilderError, match=r"node7:12 has dimsum-plus 0\.0\.9, and this is"):
        check_version("0.0.9", "0.1.0", "node7:12")


def test_workers_that_compute_otherwise_are_refused_or_noted(
    toy_run: tuple[Path, BuildConfig], tmp_path: Path
) -> None:
    folder, config = toy_run
    header = Run.open(folder).header()
    told = Greeting("0", "node7:12", True, {**header["environments"][-1], "teacher": "cuda"})
    Run(tmp_path).write_header({k: v for k, v in header.items() if k != "format"})
    stage = find_stage("contexts", config)
    with pytest.raises(ConfigError, match=r"computes with the teacher on cuda, .* on cpu"):
        join(tmp_path, stage, told)
    join(tmp_path, find_stage("pairs", config), told)  # no teacher works there
    assert Run(tmp_path).header() == header
    mixed = apply_overrides(config, ["run.mixed=true"]).model_dump(mode="json")
    Run(tmp_path).write_header(
        {"config": mixed, **{k: header[k] for k in ("models", "environments")}}
    )
    join(tmp_path, stage, told)
    assert Run(tmp_path).header()["environments"] == [
        dict(told.environment),
        *header["environments"],
    ]
