"""What of a run was made by other settings than it is about to have, so that nothing finished is
replaced unless that was asked for, and nothing is released that its sidecars do not prove."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from builder.errors import BuilderError, ConfigError
from builder.stages.base import Stage
from builder.stages.order import count_units, list_inputs, list_stages
from builder.store import Run, Sidecar
from builder.unit import Opened, hash_inputs_now, list_fingerprints, open_header
from dimsum.errors import DimsumError

DECIDES_NOTHING = ("run", "language")
"""Settings that change no row, but for `ENDS`."""
ENDS = "run.pairs"
MOST_NAMED = 4
LAST = "splits"


class MadeOtherwise(ConfigError):
    """Finished units were made by other settings, and nobody asked to make them again."""

    def __init__(self, folder: Path, differences: list[str], units: Mapping[str, set[int]]) -> None:
        named = "; ".join(differences[:MOST_NAMED])
        more = len(differences) - MOST_NAMED
        again = ", ".join(f"{len(shards)} of {stage}" for stage, shards in units.items())
        super().__init__(
            f"{folder} was made otherwise: {named}{f' and {more} more' if more > 0 else ''}; "
            f"this would make again what is finished there ({again})",
            hint="--output with another folder leaves it as it is; --again replaces it",
        )


@dataclass(frozen=True)
class Outdated:
    """Finished units that the settings would make otherwise.

    Attributes:
        units: shards by stage, in the order of the stages.
        differences: what differs, in words.
    """

    units: dict[str, set[int]] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    def refusal(self, folder: Path) -> MadeOtherwise:
        """The error that says so."""
        return MadeOtherwise(folder, self.differences, self.units)

    def forget(self, run: Run) -> None:
        """Take their sidecars away: from now on they are not finished, whatever happens."""
        for stage, shards in reversed(self.units.items()):
            for shard in shards:
                run.sidecar_path(stage, shard).unlink(missing_ok=True)


def find_outdated(run: Run, header: Mapping[str, Any], first: str | None = None) -> Outdated:
    """Finished units of a run that a new header would make otherwise, and those that follow them.

    Args:
        header: that the run is about to have.
        first: the stage to begin at; None is the first.
    """
    there = run.header()
    if not there:
        return Outdated()
    run = run.remembered()
    now = replace(open_header(run.folder, header), run=run)
    before = _open_earlier(run, there, now)
    stages = list_stages(now.config)
    begin = [stage.name for stage in stages].index(first) if first else 0
    units: dict[str, set[int]] = {}
    for stage in stages[begin:]:
        shards = {
            shard
            for shard in range(count_units(stage.name, now.config))
            if (record := run.sidecar(stage.name, shard))
            and (_follows(now, stage, shard, units) or _differs(before, now, stage, shard, record))
        }
        if shards:
            units[stage.name] = shards
    return Outdated(units, _list_differences(there, header, units)) if units else Outdated()


def _open_earlier(run: Run, header: Mapping[str, Any], now: Opened) -> Opened | None:
    """The run under its earlier header; None where that cannot be compared with the new one."""
    try:
        before = replace(open_header(run.folder, header), run=run)
    except (DimsumError, KeyError):  # written by another version
        return None
    alike = (before.config.round is None) == (now.config.round is None)
    return before if alike else None


def _follows(now: Opened, stage: Stage, shard: int, units: Mapping[str, set[int]]) -> bool:
    """Whether an input of a unit will be made again."""
    read = list_inputs(stage, shard, now.config)
    return any(not units.get(name, set()).isdisjoint(numbers) for name, numbers in read.items())


def _differs(before: Opened | None, now: Opened, stage: Stage, shard: int, record: Sidecar) -> bool:
    """Whether a finished unit would be made otherwise; that it is damaged is no difference."""
    files = hash_inputs_now(now, stage, shard, record)
    wanted = set(list_fingerprints(now, stage, shard, files))
    if record.fingerprint in wanted:
        return before is not None and stage.whole and _grew(before, now, stage)
    if before is None or wanted != set(list_fingerprints(before, stage, shard, record.inputs)):
        return True
    finished = now.run.sidecar(LAST, 0) is not None
    return finished and not _lacks_input(now, stage, shard)


def _grew(before: Opened, now: Opened, stage: Stage) -> bool:
    """Whether a stage over the whole corpus has other units before it than it had."""
    upstream = {name.partition(".")[0] for name in stage.inputs}
    return any(
        count_units(name, before.config) != count_units(name, now.config) for name in upstream
    )


def _lacks_input(opened: Opened, stage: Stage, shard: int) -> bool:
    """Whether a unit before this one is not finished, by damage say: it will be made as it was."""
    for name, numbers in list_inputs(stage, shard, opened.config).items():
        if any(opened.run.sidecar(name, number) is None for number in numbers):
            return True
    return False


def _list_differences(
    before: Mapping[str, Any], now: Mapping[str, Any], units: Mapping[str, set[int]]
) -> list[str]:
    """In what two headers differ that decides rows."""
    old, new = dict(_list_leaves(before.get("config", {}))), dict(_list_leaves(now["config"]))
    found = [
        f"{key} {_show(old.get(key))}, now {_show(new.get(key))}"
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
        and (key == ENDS or key.partition(".")[0] not in DECIDES_NOTHING)
    ]
    for role, model in now["models"].items():
        earlier = before.get("models", {}).get(role, {})
        if earlier.get("reference") != model["reference"]:
            continue
        for fact, words in (("identity", "weights"), ("dtype", "dtype"), ("prepacked", "packing")):
            if earlier.get(fact) != model[fact]:
                found.append(f"the {role} has other {words}")
    return found or [f"its {next(iter(units))} came from other files or another version"]


def _list_leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values."""
    if isinstance(value, Mapping):
        items = [(str(name), one) for name, one in value.items()]
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        items = [(str(number), one) for number, one in enumerate(value)]
    else:
        yield key, value
        return
    for name, one in items:
        yield from _list_leaves(one, f"{key}.{name}" if key else name)


def _show(value: Any) -> str:
    return "unset" if value is None else str(value)


def check_proven(run: Run) -> None:
    """Refuse a run whose header says more than its sidecars prove.

    A unit is proven by its fingerprint: with the header's seed, settings and models it is what the
    sidecar names, under this version of the stage's code or an earlier one.

    Raises:
        BuilderError: a unit is not finished, or was made by other settings or models.
    """
    run = run.remembered()
    opened = replace(open_header(run.folder, run.header()), run=run)
    for stage in list_stages(opened.config):
        for shard in range(count_units(stage.name, opened.config)):
            record = run.sidecar(stage.name, shard)
            if record is None:
                raise BuilderError(
                    f"{run.folder} is not finished: its {stage.name} are not whole",
                    hint="run `dimsum build` again",
                )
            versions = range(stage.version, 0, -1)
            known = list_fingerprints(opened, stage, shard, record.inputs, versions)
            if record.fingerprint not in known:
                raise BuilderError(
                    f"the header of {run.folder} has moved on: other settings or models than it "
                    f"names made its {stage.name}",
                    hint="`dimsum build` with the settings that you want makes rows and header "
                    "agree",
                )
