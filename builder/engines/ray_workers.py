"""Who makes units on a Ray cluster: actors that hold models, and tasks for stages without.

`builder.engines.ray` hands units out and takes them in; here is where they go.
"""

from __future__ import annotations

import os
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from builder.errors import BuilderError, ConfigError
from dimsum import __version__

if TYPE_CHECKING:
    from builder.engines.ray import OnRay
    from builder.stages.base import Stage
    from builder.unit import Made, Watch

T = TypeVar("T")

GROW_EVERY = 10.0
"""Seconds between two looks at how many workers the cluster has room for."""


@dataclass(frozen=True)
class Greeting:
    """What a worker says of itself before its first unit of a stage.

    Attributes:
        version: of this project where it runs.
        name: of its machine, and its process there.
        sees: it finds the run's folder.
        environment: of the whole run, as `read_environment_here` tells it there.
    """

    version: str
    name: str
    sees: bool
    environment: Mapping[str, str] = field(default_factory=dict)


class Worker:
    """One process of the cluster, which holds the models of a stage."""

    def __init__(self) -> None:
        self._roles: tuple[str, ...] | None = None

    def greet(self, folder: Path, stage: str) -> Greeting:
        """Tell where it is; let go of models that the stage does not need."""
        from builder.environment import read_environment_here
        from builder.pool import forget_models
        from builder.stages.order import find_stage
        from builder.store import RUN_FILE
        from builder.unit import open_run

        name = f"{socket.gethostname()}:{os.getpid()}"
        if not (folder / RUN_FILE).is_file():
            return Greeting(__version__, name, sees=False)
        config = open_run(folder).config
        roles = find_stage(stage, config).roles(config)
        if roles != self._roles:
            forget_models()
        self._roles = roles
        return Greeting(__version__, name, True, read_environment_here(config))

    def make(self, folder: Path, stage: str, shard: int) -> Made:
        """Make a unit."""
        return _make(folder, stage, shard)


def _make(folder: Path, stage: str, shard: int) -> Made:
    from builder.unit import run_unit

    return run_unit(folder, stage, shard)


def call(version: str, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    """Call a function on a worker that has the version of the one who asks."""
    check_version(__version__, version, socket.gethostname())
    return function(*arguments)


def check_version(theirs: str, ours: str, name: str) -> None:
    """Refuse a worker of another version, whose bytes may be others.

    Raises:
        BuilderError: it has one.
    """
    if theirs != ours:
        raise BuilderError(
            f"the worker {name} has dimsum-plus {theirs}, and this is {ours}",
            hint="install the same version on every machine of the cluster",
        )


@dataclass(eq=False)
class Hand:
    """An actor as the driver sees it.

    Attributes:
        name: as it answered; empty until it did.
        shards: that are with it.
    """

    actor: Any
    name: str = ""
    shards: list[int] = field(default_factory=list)


class Crew(ABC):
    """Those who make the units of one stage.

    Attributes:
        stage: whose units they make.
        force: whether a unit that is under way can be ended by itself.
    """

    stage: Stage
    force: bool

    @property
    @abstractmethod
    def hands(self) -> Sequence[Hand]:
        """Those that can work."""

    @abstractmethod
    def find_free(self) -> Hand | None:
        """One that can take a further unit."""

    @abstractmethod
    def submit(self, hand: Hand, shard: int) -> Any:
        """Give it a unit; Ray's reference to what it will give back."""

    def greeting(self) -> Sequence[Any]:
        """References to what workers are to say before they are given units."""
        return ()

    def take_greeting(self, reference: Any) -> bool:
        """Hear what a worker says; whether it can work."""
        raise AssertionError("nobody was to say anything")

    @abstractmethod
    def at_work(self) -> bool:
        """Whether there is anybody."""

    @abstractmethod
    def lose(self, hand: Hand, error: Exception) -> bool:
        """Replace a worker; whether this is the first that is heard of its loss."""


class Tasks(Crew):
    """Units of a stage without models, as tasks."""

    force = True

    def __init__(self, engine: OnRay, folder: Path, stage: Stage) -> None:
        engine.dismiss()
        self.engine, self.folder, self.stage = engine, folder, stage
        self._hand = Hand(None, "tasks")
        self.most = max(1, engine.room(0)) * engine.settings.window
        self._make = engine.ray.remote(_make).options(
            num_cpus=engine.settings.threads, max_retries=0
        )

    @property
    def hands(self) -> Sequence[Hand]:
        """As in `Crew`."""
        return [self._hand]

    def find_free(self) -> Hand | None:
        """As in `Crew`."""
        hand = self._hand
        return hand if len(hand.shards) < self.most else None

    def submit(self, hand: Hand, shard: int) -> Any:
        """As in `Crew`."""
        return self._make.remote(self.folder, self.stage.name, shard)

    def at_work(self) -> bool:
        """As in `Crew`."""
        return bool(self._hand.shards)

    def lose(self, hand: Hand, error: Exception) -> bool:
        """As in `Crew`."""
        return True


class Actors(Crew):
    """Units of a stage with models, in the engine's actors."""

    force = False  # actors are killed with the engine, and not for one unit

    def __init__(
        self, engine: OnRay, folder: Path, stage: Stage, devices: int, watch: Watch
    ) -> None:
        self.engine, self.folder, self.stage, self.watch = engine, folder, stage, watch
        self.greetings: dict[Any, Hand] = {}
        self.last_look = 0.0
        if devices != engine.devices:  # actors of another kind give their place
            engine.dismiss()
        engine.devices = devices
        for hand in engine.hands:
            self._greet(hand)

    @property
    def hands(self) -> Sequence[Hand]:
        """As in `Crew`."""
        return [hand for hand in self.engine.hands if hand not in self.greetings.values()]

    def find_free(self) -> Hand | None:
        """As in `Crew`."""
        self._grow()
        free = [h for h in self.hands if len(h.shards) < self.engine.settings.window]
        return min(free, key=lambda hand: len(hand.shards), default=None)

    def submit(self, hand: Hand, shard: int) -> Any:
        """As in `Crew`."""
        return hand.actor.make.remote(self.folder, self.stage.name, shard)

    def greeting(self) -> Sequence[Any]:
        """As in `Crew`."""
        return [*self.greetings]

    def take_greeting(self, reference: Any) -> bool:
        """Whether a worker that was asked who it is can work.

        Raises:
            BuilderError: it has another version, or does not see the run.
            ConfigError: it would compute other bytes.
        """
        hand = self.greetings.pop(reference)
        try:
            answer: Greeting = self.engine.ray.get(reference)
        except self.engine.losses() as error:
            self.engine.lost += self.lose(hand, error)
            return False
        hand.name = answer.name
        check_version(answer.version, __version__, answer.name)
        if not answer.sees:
            raise BuilderError(
                f"the worker {answer.name} does not find {self.folder}",
                hint="give a folder that every machine of the cluster sees under the same name",
            )
        join(self.folder, self.stage, answer)
        return True

    def at_work(self) -> bool:
        """As in `Crew`."""
        return bool(self.hands)

    def lose(self, hand: Hand, error: Exception) -> bool:
        """As in `Crew`."""
        if hand not in self.engine.hands:
            return False
        if isinstance(error, self.engine.ray.exceptions.ActorUnavailableError):
            self.engine.ray.kill(hand.actor)
        self.engine.hands.remove(hand)
        self.last_look = 0.0
        self.watch.say(f"lost the worker {hand.name or 'that was starting'}: its units run again")
        return True

    def _grow(self) -> None:
        """Start workers where the cluster has room; its machines come and go."""
        if time.monotonic() - self.last_look < GROW_EVERY:
            return
        self.last_look = time.monotonic()
        remote = self.engine.ray.remote(Worker).options(
            num_cpus=self.engine.settings.threads,
            num_gpus=self.engine.devices,
            max_restarts=0,
            max_task_retries=0,
        )
        for _ in range(self.engine.room(self.engine.devices) - len(self.engine.hands)):
            hand = Hand(remote.remote())
            self.engine.hands.append(hand)
            self._greet(hand)

    def _greet(self, hand: Hand) -> None:
        self.greetings[hand.actor.greet.remote(self.folder, self.stage.name)] = hand


def join(folder: Path, stage: Stage, answer: Greeting) -> None:
    """Let a worker join a run, whose header then names its environment.

    Raises:
        ConfigError: it would compute other bytes than those of the run, which allows none.
    """
    from builder.environment import format_environment, take_part
    from builder.unit import open_run

    opened = open_run(folder)
    theirs = take_part(stage, opened.config, answer.environment)
    known = [take_part(stage, opened.config, one) for one in opened.environments]
    if theirs == known[-1] or (opened.config.run.mixed and theirs in known):
        return
    if not opened.config.run.mixed:
        differing = {n for n in {*theirs, *known[-1]} if theirs.get(n) != known[-1].get(n)}
        before, now = (
            format_environment({name: value for name, value in one.items() if name in differing})
            for one in (known[-1], theirs)
        )
        raise ConfigError(
            f"the worker {answer.name} computes with {now}, and the run with {before}",
            hint="give a cluster of one kind; --set run.mixed=true lets them mix, the card says so",
        )
    environments = [dict(answer.environment), *opened.environments]
    opened.run.write_header({**opened.run.header(), "environments": environments})
