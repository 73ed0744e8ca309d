"""A unit of work: one shard of one stage, found from an address, a name and a number.

Nothing else travels to where a unit is made. The configuration, the models and the environment are
in the run's header, inputs are files, and models are loaded once a process (`builder.pool`).
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, combinations, islice
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from builder.config import BuildConfig, parse_config
from builder.environment import Environment, read_environment, take_part
from builder.errors import BuilderError
from builder.pool import find_pool
from builder.stages.base import Stage, Work
from builder.stages.order import find_stage, list_inputs
from builder.store import REJECTS, Run, Sidecar, digest, make_seed, read_table
from dimsum.errors import DimsumError
from dimsum.files import hash_file, name_full_folder
from dimsum.places import find_far

MOST_SETS = 256
"""Sets of libraries that a unit of an earlier version is tried with in one environment."""


class Watch(Protocol):
    """Who follows units while they are made."""

    def say(self, line: str) -> None:
        """Take a line about a model that was loaded."""

    def tick(self, tokens: int) -> None:
        """Take a count of tokens that were written or read."""

    def follow(self, under_way: Mapping[str, Sequence[int]], lost: int) -> None:
        """Take the shards that are with each worker now, and how many workers were lost so far."""


@dataclass
class Heard:
    """What was said while a unit was made, passed on to whoever watches."""

    watch: Watch | None = None
    lines: list[str] = field(default_factory=list)
    tokens: int = 0

    def say(self, line: str) -> None:
        """As in `Watch`."""
        self.lines.append(line)
        if self.watch:
            self.watch.say(line)

    def tick(self, tokens: int) -> None:
        """As in `Watch`."""
        self.tokens += tokens
        if self.watch:
            self.watch.tick(tokens)

    def follow(self, under_way: Mapping[str, Sequence[int]], lost: int) -> None:
        """As in `Watch`."""
        if self.watch:
            self.watch.follow(under_way, lost)


@dataclass(frozen=True)
class Made:
    """A unit that was made.

    Attributes:
        lines: about models that were loaded for it.
        tokens: written or read.
    """

    record: Sidecar
    lines: tuple[str, ...] = ()
    tokens: int = 0


@dataclass(frozen=True)
class Opened:
    """A run as its header describes it.

    Attributes:
        environments: that its units may come from; new ones come from the last.
    """

    run: Run
    config: BuildConfig
    models: Mapping[str, Mapping[str, Any]]
    environments: tuple[Environment, ...]


def open_run(folder: Path) -> Opened:
    """Read a run's header; the same header is parsed once a process."""
    return open_header(folder, Run(folder).known_header())


def open_header(folder: Path, header: Mapping[str, Any]) -> Opened:
    """A run as a header describes it, be it its own or one that it is about to have."""
    return _open(folder, json.dumps(header))


@lru_cache(maxsize=2)
def _open(folder: Path, text: str) -> Opened:
    header = json.loads(text)
    config = parse_config(header["config"])
    environments = tuple(header.get("environments", ()))
    return Opened(Run(folder), config, header["models"], environments)


def run_unit(folder: Path, stage_name: str, shard: int, watch: Watch | None = None) -> Made:
    """Make one unit and commit it.

    Args:
        folder: of the run; its header says everything else.
        watch: informed of loaded models and of tokens while they come, in this process only.

    Raises:
        BuilderError: an input is missing, a model failed, or this is not the environment that
            the run's header names.
    """
    opened = open_run(folder)
    stage = find_stage(stage_name, opened.config)
    here = read_environment(stage, opened.config)
    known = [take_part(stage, opened.config, one) for one in opened.environments]
    if here not in (known if opened.config.run.mixed else known[-1:]):
        raise BuilderError(
            f"{folder} is built in another environment than {here}",
            hint="`dimsum build` says in what they differ and how to go on",
        )
    began = time.monotonic()
    files = list_files(stage, opened.config, shard)
    hashes = {name: hash_file(path) for name, path in files.items()}
    contents = {name: stage.content(path) for name, path in files.items()} if stage.content else {}
    fingerprint = make_fingerprint(opened, stage, shard, hashes, here)
    run, heard = opened.run, Heard(watch)
    run.sidecar_path(stage.name, shard).unlink(missing_ok=True)
    paths = _list_paths(opened, stage, shard)
    models = find_pool(opened.config, opened.models).only(stage.roles(opened.config), heard.say)
    work = Work(
        config=opened.config,
        shard=shard,
        seed=make_seed(opened.config.seed, stage.name, shard),
        tables=Tables(paths),
        paths=paths,
        scratch=_find_scratch(run, stage, shard),
        files=files,
        models=models,
        tick=heard.tick,
    )
    try:
        with name_full_folder(run.folder):
            output = stage.make(work)
        seconds = time.monotonic() - began
        record = run.commit(stage.name, shard, fingerprint, output, seconds, hashes, contents)
    finally:
        shutil.rmtree(work.scratch, ignore_errors=True)
    return Made(record, tuple(heard.lines), heard.tokens)


def _find_scratch(run: Run, stage: Stage, shard: int) -> Path:
    """Where a unit may put files of its own: beside its tables, or here where these are away."""
    if find_far(run.folder) is None:
        return run.folder / stage.name / f".scratch-{shard:05d}"
    return Path(tempfile.mkdtemp(prefix="dimsum-"))


def find_finished(opened: Opened, stage: Stage, shard: int) -> Sidecar | None:
    """The record of a unit that is there and current, of any environment of the run."""
    record = opened.run.sidecar(stage.name, shard)
    if record is None:
        return None
    wanted = list_fingerprints(opened, stage, shard, hash_inputs_now(opened, stage, shard, record))
    return opened.run.done(stage.name, shard, set(wanted))


def hash_inputs_now(opened: Opened, stage: Stage, shard: int, record: Sidecar) -> dict[str, str]:
    """Hashes of the files from outside the run that a finished unit would read now.

    A file that is gone, or of which the stage would take the same as before, counts as the one
    that the unit read.
    """
    found = {}
    for name, path in stage.files(opened.config, shard).items():
        there = path.is_file()
        same = not there or _has_same_content(stage, path, record.contents.get(name))
        found[name] = record.inputs.get(name, "") if same else hash_file(path)
    return found


def _has_same_content(stage: Stage, path: Path, before: str | None) -> bool:
    if stage.content is None or before is None:
        return False
    try:
        return stage.content(path) == before
    except DimsumError:  # nothing usable is in it any more
        return False


def list_fingerprints(
    opened: Opened,
    stage: Stage,
    shard: int,
    files: Mapping[str, str],
    versions: Sequence[int] | None = None,
) -> Iterator[str]:
    """What the fingerprint of a unit may be, in any of the run's environments, likeliest first.

    Where earlier versions are named, a unit may be one that noted fewer libraries. Which ones it
    noted is written nowhere but in the fingerprint, a digest that can only be compared, and they
    do not come one after the other: each measure and method brings its own. So sets of them are
    tried, those that lack fewest first and at most `MOST_SETS` in an environment. That is all
    2**n of them up to eight libraries; of more, a unit that lacked many is not recognised.

    Args:
        files: name to sha256 of the inputs from outside the run.
        versions: of the stage's code; the present one by default, with all of its libraries.
    """
    facts = _collect_facts(opened, stage, shard, files)
    for environment in opened.environments:
        for noted in _list_noted(opened, stage, environment, versions is None):
            part = take_part(stage, opened.config, environment, noted)
            for version in (stage.version,) if versions is None else versions:
                yield digest({**facts, "version": version, "environment": part})


def _list_noted(
    opened: Opened, stage: Stage, environment: Environment, whole: bool
) -> Iterable[tuple[str, ...]]:
    """Libraries that a unit may have noted: all, and unless only the whole is asked for, fewer."""
    libraries = dict.fromkeys(stage.libraries_of(opened.config))
    # One that the environment does not name changes no fingerprint.
    named = [name for name in libraries if name in environment]
    sizes = range(len(named), len(named) - 1 if whole else -1, -1)
    return islice(chain.from_iterable(combinations(named, size) for size in sizes), MOST_SETS)


def list_files(stage: Stage, config: BuildConfig, shard: int) -> dict[str, Path]:
    """The files from outside the run that a unit reads, by name.

    Raises:
        BuilderError: one of them is not there.
    """
    found = dict(stage.files(config, shard))
    for name, path in found.items():
        if not path.is_file():
            kind = "a folder" if path.is_dir() else "not there"
            raise BuilderError(
                f"{path} is {kind}, which {stage.name} reads as its {name}",
                hint="put the file there; what is finished stays",
            )
    return found


def make_fingerprint(
    opened: Opened, stage: Stage, shard: int, files: Mapping[str, str], environment: Environment
) -> str:
    """What a unit's rows depend on: code version, settings, models, chance and inputs.

    Args:
        files: name to sha256 of the inputs from outside the run.
        environment: what the stage depends on of it.
    """
    facts = _collect_facts(opened, stage, shard, files)
    return digest({**facts, "version": stage.version, "environment": dict(environment)})


def _collect_facts(
    opened: Opened, stage: Stage, shard: int, files: Mapping[str, str]
) -> dict[str, Any]:
    """What a fingerprint is of, without the version of the code and the environment."""
    upstream = {}
    for name, numbers in list_inputs(stage, shard, opened.config).items():
        upstream[name] = [
            {k: v for k, v in record.files.items() if REJECTS not in k}
            for number in numbers
            if (record := opened.run.sidecar(name, number))
        ]
    return {
        "stage": stage.name,
        "seed": opened.config.seed,
        "shard": shard,
        "settings": stage.settings(opened.config, shard),
        "models": {
            role: [opened.models[role].get(fact) for fact in ("identity", "dtype", "prepacked")]
            for role in stage.roles(opened.config)
            if role in opened.models
        },
        "inputs": upstream,
        "files": dict(files),
    }


def _list_paths(opened: Opened, stage: Stage, shard: int) -> dict[str, list[Path]]:
    """The files of each input of a unit."""
    units = list_inputs(stage, shard, opened.config)
    found = {}
    for name in stage.inputs:
        upstream, _, table = name.partition(".")
        found[name] = [opened.run.path(upstream, n, table or None) for n in units[upstream]]
    return found


class Tables(Mapping[str, pa.Table]):
    """Tables by name, each read from its files and joined when it is first asked for."""

    def __init__(self, paths: Mapping[str, Sequence[Path]]) -> None:
        self.paths = paths
        self._read: dict[str, pa.Table] = {}

    def __getitem__(self, name: str) -> pa.Table:
        if name not in self._read:
            self._read[name] = pa.concat_tables([read_table(path) for path in self.paths[name]])
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)
