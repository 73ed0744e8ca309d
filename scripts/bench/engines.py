"""What engines cost: two workers against one on this machine, and a simulated cluster.

efficiency  the same build by 1 and by 2 workers of `processes` and of `ray`, turn by turn: seconds
            of the stages that have several units, and how much of twice the speed is reached.
simulated   64 workers and 100 million pairs. The scheduler is the real one of
            `builder.engines.ray` (`OnRay`, `Actors`, `Tasks`); what a unit takes is what a finished
            run's sidecars say, in a clock that is only counted. Told is the driver's share of the
            seconds that pass: its own, measured, and for each unit what Ray takes to hand it out
            and take it in, measured with `--ray` on a cluster here whose workers do nothing.

    python scripts/bench/engines.py simulated runs/quickstart
    python scripts/bench/engines.py efficiency embedded --set contexts.openings=32
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from builder.config import load_config, parse_config
from builder.engines.ray import OnRay, RaySettings, connect, disconnect
from builder.engines.ray_workers import Actors, Crew, Greeting, Tasks
from builder.progress import Progress
from builder.run import build
from builder.stages.base import Stage
from builder.stages.order import count_units, list_stages
from builder.store import Run, Sidecar
from builder.unit import Made
from dimsum import __version__
from dimsum.settings import apply_overrides


class Lost(Exception):
    """A worker is gone; the simulation loses none."""


class Simulated:
    """As much of Ray's module as the scheduler uses, in a clock of its own.

    Attributes:
        clock: seconds that have passed for the workers.
        own: seconds that this class itself took, which are nobody's.
    """

    exceptions = SimpleNamespace(
        RayError=Lost,
        RayActorError=Lost,
        WorkerCrashedError=Lost,
        OutOfMemoryError=Lost,
        NodeDiedError=Lost,
        ObjectLostError=Lost,
    )

    def __init__(self, workers: int, records: Sequence[Sidecar], environment: Any) -> None:
        self.workers, self.records, self.environment = workers, records, environment
        self.clock = self.own = 0.0
        self.calls = 0
        self.running: list[tuple[float, int]] = []
        self.results: dict[int, Any] = {}
        self.numbers = itertools.count()
        self.slots = [0.0] * workers
        self.rng = random.Random(0)

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": self.workers}

    def remote(self, thing: Any) -> Any:
        return SimpleNamespace(options=lambda **how: self._maker(thing))

    def _maker(self, thing: Any) -> Any:
        if not isinstance(thing, type):
            return SimpleNamespace(
                remote=lambda folder, stage, shard: self._unit(self.slots, shard)
            )
        return SimpleNamespace(remote=self._actor)

    def _actor(self) -> Any:
        busy = [self.clock]
        name = f"node{next(self.numbers)}"
        answer = Greeting(__version__, name, True, self.environment)
        return SimpleNamespace(
            greet=SimpleNamespace(remote=lambda folder, stage: self._take(busy, 0.0, answer)),
            make=SimpleNamespace(remote=lambda folder, stage, shard: self._unit(busy, shard)),
        )

    def _unit(self, busy: list[float], shard: int) -> int:
        record = self.rng.choice(self.records)
        return self._take(busy, record.seconds, Made(record.model_copy(update={"shard": shard})))

    def _take(self, busy: list[float], seconds: float, result: Any) -> int:
        began = time.perf_counter()
        self.calls += 1
        first = min(range(len(busy)), key=busy.__getitem__)
        busy[first] = max(busy[first], self.clock) + seconds
        number = next(self.numbers)
        heapq.heappush(self.running, (busy[first], number))
        self.results[number] = result
        self.own += time.perf_counter() - began
        return number

    def wait(self, known: Any, num_returns: int, timeout: float) -> tuple[list[int], list[int]]:
        end, number = heapq.heappop(self.running)
        self.clock = max(self.clock, end)
        return [number], []

    def get(self, number: int) -> Any:
        return self.results.pop(number)

    def kill(self, actor: Any) -> None:
        pass

    def cancel(self, reference: int, force: bool) -> None:
        pass


def simulate(folder: Path, workers: int, pairs: int, call: float) -> dict[str, Any]:
    """Seconds of each stage that has several units, and the driver's share of them."""
    run = Run.open(folder)
    config = parse_config(run.header()["config"])
    environment = run.header()["environments"][-1]
    records = {
        stage.name: [
            record
            for shard in range(count_units(stage.name, config))
            if (record := run.sidecar(stage.name, shard)) is not None
        ]
        for stage in list_stages(config)
        if not stage.whole
    }
    each = sum(r.entered for r in records["pairs"]) / len(records["pairs"])
    units = round(pairs / each)
    stages = {}
    for stage in list_stages(config):
        if not stage.whole:
            stages[stage.name] = simulate_stage(
                folder,
                stage,
                workers,
                units,
                records[stage.name],
                environment,
                call,
            )
    passed = sum(one["seconds"] for one in stages.values())
    driver = sum(one["driver_seconds"] for one in stages.values())
    return {
        "workers": workers,
        "pairs": pairs,
        "pairs_of_a_unit": round(each),
        "units": units,
        "seconds": passed,
        "driver_seconds": driver,
        "driver_share": driver / passed,
        "stages": stages,
    }


def simulate_stage(
    folder: Path,
    stage: Stage,
    workers: int,
    units: int,
    records: Sequence[Sidecar],
    environment: Any,
    call: float,
) -> dict[str, float]:
    cluster = Simulated(workers, records, environment)
    engine = OnRay.__new__(OnRay)
    engine.settings, engine.ray = RaySettings(workers=workers), cluster
    engine.hands, engine.devices, engine.lost = [], 0, 0
    watch = Progress(quiet=True)
    watch.begin(stage.name, units)
    crew: Crew = (
        Actors(engine, folder, stage, 0, watch) if stage.models else Tasks(engine, folder, stage)
    )
    began = time.perf_counter()
    for made in engine._map(crew, range(units), watch):
        watch.unit_done(made.record, skipped=False)
    own = time.perf_counter() - began - cluster.own
    busy = sum(r.seconds for r in records) / len(records) * units
    return {
        "seconds": cluster.clock,
        "efficiency": busy / (workers * cluster.clock),
        "driver_seconds": own + call * cluster.calls,
        "driver_share": (own + call * cluster.calls) / cluster.clock,
    }


def time_calls(units: int = 2000) -> float:
    """Seconds of this process that Ray takes for a unit that does nothing, by its CPU time."""
    settings = RaySettings(address="local", workers=1)
    ray = connect(settings)
    nothing = ray.remote(_idle).options(num_cpus=0)
    ray.get([nothing.remote(n) for n in range(10)])
    began, under_way = time.process_time(), [nothing.remote(n) for n in range(128)]
    for number in range(units):
        ready, under_way = ray.wait(under_way, num_returns=1)
        ray.get(ready[0])
        under_way.append(nothing.remote(number))
    took = (time.process_time() - began) / units
    disconnect()
    return took


def _idle(number: int) -> int:
    return number


def measure(
    config: str, changes: Sequence[str], rounds: int, kinds: Sequence[str]
) -> Iterator[Any]:
    """Seconds of a build by 1 and 2 workers, turn by turn."""
    settings = load_config(config, changes)
    for number in range(rounds):
        for kind in kinds:
            for workers in (1, 2):
                where = {"kind": kind, "workers": workers}
                if kind == "ray":
                    where["address"] = "local"
                engine = f"run.engine={json.dumps(where)}"
                with tempfile.TemporaryDirectory() as folder:
                    watch = Watched(workers)
                    build(apply_overrides(settings, [engine]), Path(folder) / "run", progress=watch)
                yield {"round": number, **where, "stages": watch.seconds}


class Watched(Progress):
    """Notes how long stages with several units take, from when each worker may have ended one.

    So neither the start of workers nor the loading of models counts, which a long build does not
    notice either; and units that were begun together are not taken for faster ones.
    """

    def __init__(self, workers: int) -> None:
        super().__init__(quiet=True)
        self.workers = workers
        self.seconds: dict[str, float] = {}
        self.first = 0.0

    def unit_done(self, record: Sidecar, *, skipped: bool) -> None:
        super().unit_done(record, skipped=skipped)
        assert self.stage is not None
        if self.stage.done == self.workers:
            self.first = time.monotonic()
        elif self.stage.done == self.stage.shards > self.workers:
            rate = (self.stage.shards - self.workers) / (time.monotonic() - self.first)
            self.seconds[self.stage.name] = self.stage.shards / rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    scenes = parser.add_subparsers(dest="scene", required=True)
    one = scenes.add_parser("efficiency")
    one.add_argument("config")
    one.add_argument("--set", action="append", default=[], metavar="A.B=C")
    one.add_argument("--rounds", type=int, default=1)
    one.add_argument("--kinds", nargs="+", default=["processes", "ray"])
    two = scenes.add_parser("simulated")
    two.add_argument("run", type=Path)
    two.add_argument("--workers", type=int, default=64)
    two.add_argument("--pairs", type=int, default=100_000_000)
    two.add_argument("--ray", action="store_true", help="measure what Ray takes for a unit")
    two.add_argument("--call", type=float, default=0.0, help="seconds of it, measured before")
    given = parser.parse_args()
    if given.scene == "efficiency":
        for found in measure(given.config, given.set, given.rounds, given.kinds):
            print(json.dumps(found), flush=True)
        return
    call = time_calls() if given.ray else given.call
    found = simulate(given.run, given.workers, given.pairs, call)
    print(json.dumps({"call_seconds": call, **found}, indent=2))


if __name__ == "__main__":
    main()
