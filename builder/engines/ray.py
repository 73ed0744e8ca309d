"""Units on the machines of a Ray cluster.

Ray keeps the workers; what travels to them is the run's folder, a stage's name and a shard's number
(`builder.unit`). A stage with models runs in actors, one a device, which hold those models until
another stage needs others; a stage without runs as tasks. The run's folder must be one that every
machine of the cluster sees under the same name.

Source: Ray 2.60, "Limiting Concurrency Per Method with ray.wait" (a bounded number of units is with
the cluster) and "Actor Fault Tolerance" (a worker that dies is no error of its unit, which is made
again by another).
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import Field

from builder.engines.base import Engine, EngineSettings
from builder.engines.processes import THREAD_VARIABLES
from builder.engines.ray_workers import Actors, Crew, Hand, Tasks, call
from builder.errors import BuilderError
from dimsum import __version__, interrupt
from dimsum.errors import DimsumError, UsageError

if TYPE_CHECKING:
    from builder.unit import Made, Watch

T = TypeVar("T")

TRIES_VARIABLE = "RAY_gcs_server_port_wait_time_s"
"""Of Ray: how often a cluster is asked for before it counts as not there."""
LOOK_EVERY = 1.0
"""Seconds after which workers are looked after where no unit has ended."""


class RaySettings(EngineSettings):
    """Units on a Ray cluster, or on one that is started here for the run."""

    kind: Literal["ray"] = "ray"
    address: str = Field(
        "auto",
        description="of the cluster: auto (the one that this machine belongs to), host:port, "
        "ray://host:port, or local to start one here for the run",
    )
    workers: int | None = Field(
        None, ge=1, description="at most; empty: one a device, or one for each `threads` cores"
    )
    threads: int = Field(
        1, ge=1, description="of a worker, whatever their number: sums are in the same order"
    )
    window: int = Field(2, ge=1, description="units that are with a worker, the one it makes first")
    tries: int = Field(
        3, ge=1, description="workers that may be lost with the same unit before the run ends"
    )
    wait: float = Field(
        60, gt=0, description="seconds without any worker after which a line says so"
    )

    def start(self) -> AbstractContextManager[Engine]:
        """As in `EngineSettings`."""
        return OnRay(self)

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """As in `EngineSettings`: on a machine of the cluster, with a device where it has any."""
        ray = connect(self)
        devices = 1 if ray.cluster_resources().get("GPU", 0) >= 1 else 0
        remote = ray.remote(call).options(num_cpus=self.threads, num_gpus=devices, max_retries=0)
        with _translate_errors(ray):
            found: T = ray.get(remote.remote(__version__, function, arguments))
            return found


_connected: RaySettings | None = None


def connect(settings: RaySettings) -> Any:
    """The module of Ray, connected to the cluster of the settings.

    Raises:
        UsageError: Ray is not installed.
        BuilderError: no cluster answers there.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # workers are all that a run waits for
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "run.engine.kind is ray, and Ray is not installed",
            hint='pip install "dimsum-plus[ray]"',
        ) from error
    global _connected
    if ray.is_initialized():
        if _connected in (None, settings):  # None: whoever called this has connected it
            return ray
        ray.shutdown()
    variables = dict.fromkeys(THREAD_VARIABLES, str(settings.threads))
    wanted: dict[str, Any] = {"address": settings.address}
    if settings.address == "local":
        wanted |= {"include_dashboard": False}
        if settings.workers:  # as many as are asked for, be there cores for them or not
            wanted["num_cpus"] = settings.workers * settings.threads
    before = _read_handlers()
    # Ray would ask an address where nobody answers twenty times, for half a minute each.
    once = settings.address != "local" and TRIES_VARIABLE not in os.environ
    if once:
        os.environ[TRIES_VARIABLE] = "1"
    try:
        ray.init(
            **wanted,
            log_to_driver=False,
            logging_level="ERROR",
            runtime_env={"env_vars": {**variables, "TOKENIZERS_PARALLELISM": "false"}},
        )
    except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError) as error:
        raise BuilderError(
            f"no Ray cluster answers at {settings.address}: {_take_first_line(error)}",
            hint="start one with `ray start`, or let the run have one of its own here with "
            "--set run.engine.address=local",
        ) from error
    finally:
        if once:
            del os.environ[TRIES_VARIABLE]
        for number, handler in before.items():  # Ray takes SIGTERM for itself
            signal.signal(number, handler)
    _connected = settings
    return ray


def disconnect() -> None:
    """Leave the cluster, unless whoever called this project has connected it."""
    global _connected
    import ray

    if _connected is not None:
        ray.shutdown()
    _connected = None


def _read_handlers() -> dict[int, Any]:
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}


class OnRay:
    """Actors that stay from the first stage that needs them to the end of the run."""

    def __init__(self, settings: RaySettings) -> None:
        self.settings = settings
        self.ray = connect(settings)
        self.hands: list[Hand] = []
        self.devices = 0
        self.lost = 0

    def __enter__(self) -> OnRay:
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(Exception):  # the cluster may be gone by now
            self.dismiss()
        disconnect()

    def dismiss(self) -> None:
        """End the actors, so that others find the cores and devices that they hold."""
        for hand in self.hands:
            self.ray.kill(hand.actor)
        self.hands = []

    def map(self, folder: Path, stage: str, shards: Sequence[int], watch: Watch) -> Iterator[Made]:
        """As in `builder.engines.base.Engine`."""
        from builder.environment import take_part
        from builder.stages.order import find_stage
        from builder.unit import open_run

        if not shards:
            return
        folder = folder.absolute()
        opened = open_run(folder)
        found = find_stage(stage, opened.config)
        crew: Crew
        if found.roles(opened.config):
            here = take_part(found, opened.config, opened.environments[-1])
            devices = int("cuda" in here.values())
            crew = Actors(self, folder, found, devices, watch)
        else:
            crew = Tasks(self, folder, found)
        with _translate_errors(self.ray):
            yield from self._map(crew, shards, watch)

    def _map(self, crew: Crew, shards: Sequence[int], watch: Watch) -> Iterator[Made]:
        waiting, tries = deque(shards), Counter[int]()
        under_way: dict[Any, tuple[Hand, int]] = {}
        last = time.monotonic()
        try:
            while waiting or under_way:
                interrupt.check()
                while waiting and (hand := crew.find_free()) is not None:
                    shard = waiting.popleft()
                    hand.shards.append(shard)
                    under_way[crew.submit(hand, shard)] = hand, shard
                watch.follow(
                    {hand.name: list(hand.shards) for hand in crew.hands if hand.shards}, self.lost
                )
                known = [*crew.greeting(), *under_way]
                ready: list[Any] = []
                if known:
                    ready, _ = self.ray.wait(known, num_returns=1, timeout=LOOK_EVERY)
                else:
                    time.sleep(LOOK_EVERY)
                if ready or crew.at_work():
                    last = time.monotonic()
                elif time.monotonic() - last > self.settings.wait:
                    last = time.monotonic()
                    watch.say(f"no worker of the cluster is free for {crew.stage.name}: waiting")
                for reference in ready:
                    if reference not in under_way:
                        if not crew.take_greeting(reference):
                            self._count_lost(-1, tries, crew.stage.name)
                        continue
                    hand, shard = under_way.pop(reference)
                    hand.shards.remove(shard)
                    try:
                        made: Made = self.ray.get(reference)
                    except self.losses() as error:
                        if crew.lose(hand, error):
                            self.lost += 1
                        waiting.appendleft(shard)
                        self._count_lost(shard, tries, crew.stage.name)
                        continue
                    for line in made.lines:
                        watch.say(line)
                    watch.tick(made.tokens)
                    yield made
        finally:
            for reference in under_way:
                with suppress(Exception):
                    self.ray.cancel(reference, force=crew.force)
            watch.follow({}, self.lost)

    def losses(self) -> tuple[type[Exception], ...]:
        """What Ray raises where a worker is gone, which says nothing of its unit."""
        found = self.ray.exceptions
        return (
            found.RayActorError,
            found.WorkerCrashedError,
            found.OutOfMemoryError,
            found.NodeDiedError,
            found.ObjectLostError,
        )

    def _count_lost(self, shard: int, tries: Counter[int], stage: str) -> None:
        """Count a loss of a unit, or of a worker before its first one.

        Raises:
            BuilderError: it was one too many.
        """
        tries[shard] += 1
        if tries[shard] >= self.settings.tries:
            what = f"shard {shard} of {stage}" if shard >= 0 else f"any unit of {stage} was begun"
            raise BuilderError(
                f"{tries[shard]} workers were lost "
                + (f"with {what}" if shard >= 0 else f"before {what}"),
                hint="perhaps memory ran out: with fewer run.engine.workers the same command goes "
                "on, what is finished is kept",
            )

    def room(self, devices: int) -> int:
        """Workers that the cluster has room for, and the settings ask for."""
        there = self.ray.cluster_resources()
        slots = int(there.get("CPU", 0) // self.settings.threads)
        if devices:
            slots = min(slots, int(there.get("GPU", 0)))
        return min(slots, self.settings.workers or slots)


@contextmanager
def _translate_errors(ray: Any) -> Iterator[None]:
    """Raise what Ray raises as an error of this project."""
    try:
        yield
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, DimsumError):
            raise cause from error
        if isinstance(cause, ImportError) or "ModuleNotFoundError" in str(error):
            raise BuilderError(
                "the workers of the cluster cannot import what they need: "
                f"{_take_last_line(error)}",
                hint="install the same version of dimsum-plus on every machine of the cluster",
            ) from error
        raise BuilderError(
            f"Ray ended the work: {_take_last_line(error)}",
            hint="the same command goes on; what is finished is kept",
        ) from error


def _take_first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")


def _take_last_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[-1] if lines else type(error).__name__).strip().rstrip(".")
