"""A run or a folder of a store, fetched onto this machine for what reads it whole."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from builder.audit.record import RUN_AUDITS
from builder.config import parse_config
from builder.stages.order import list_stages
from builder.store import RUN_FILE, Run
from builder.stored import describe_damage
from dimsum.errors import UsageError
from dimsum.files import hash_file, write_json, write_text
from dimsum.places import Place, find_far, parse_place


def fetch_run(run: Run, folder: Path, stages: Collection[str]) -> None:
    """Fetch header, finished stages, readers' records and provenance of a run.

    A unit without its sidecar stays behind, as does its table while it is on its way there.

    Args:
        folder: made here.

    Raises:
        BuilderError: a table is not what its sidecar says.
    """
    header = run.header()
    for stage in stages:
        for path in sorted((run.folder / stage).glob("[0-9]*.json")):
            record = run.sidecar(stage, int(path.stem))
            if record is None:
                continue
            for name, hashed in record.files.items():
                target = folder / stage / name
                _fetch(run.folder / stage / name, target)
                if hash_file(target) != hashed:
                    raise describe_damage(run.folder / stage / name)
            write_text(folder / stage / path.name, record.model_dump_json(indent=2) + "\n")
    place = find_far(run.folder)
    for beside in (RUN_AUDITS, f"{parse_config(header['config']).name}/provenance"):
        if place is not None:
            _fetch_all(place / beside, folder / beside)
    write_json(folder / RUN_FILE, header)


def _fetch_all(place: Place, folder: Path) -> None:
    for one in place.walk():
        _fetch(one, folder / one.relative_to(place))


def _fetch(path: Path | Place, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("rb") as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
    except FileNotFoundError as error:
        raise describe_damage(path) from error


@contextmanager
def bring_here(reference: str, stages: Collection[str] | None = None) -> Iterator[str]:
    """A corpus as it is named, or the copy of one in a store, which goes afterwards.

    Args:
        stages: of a run that are wanted; None is all.

    Raises:
        UsageError: nothing is there.
        BuilderError: a table is not what its sidecar says.
    """
    named = parse_place(reference)
    place = find_far(named)
    if place is None:
        yield reference
        return
    with tempfile.TemporaryDirectory(prefix="dimsum-") as scratch:
        folder = Path(scratch) / place.name
        run = Run(named)
        if header := run.header():
            names = [stage.name for stage in list_stages(parse_config(header["config"]))]
            fetch_run(run, folder, [n for n in names if stages is None or n in stages])
        else:
            _fetch_all(place, folder)
        if not folder.exists():
            raise UsageError(f"there is nothing at {place}", hint="check the address")
        yield str(folder)
