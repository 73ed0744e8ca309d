"""release: a finished run becomes a dataset folder that explains itself.

    dimsum_plus/README.md                           the card; its YAML names configs and features
    dimsum_plus/data/<task>/<split>-00000-of-00001.parquet   `file_rows` rows each
    dimsum_plus/provenance/                         configuration, funnel, statistics, models,
                                                    versions, facts of the card, checksums
    dimsum_plus/pictures/                           the funnel, as PNG for the card and as SVG

The folder is made next to its final path and moved there whole. One that is current is left alone.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from builder.audit.record import (
    RUN_AUDITS,
    Audits,
    digest_released,
    read_audits,
    write_documents,
)
from builder.config import BuildConfig
from builder.errors import BuilderError, GateError
from builder.facts import PICTURES, find_data_paths, make_dataset_facts, name_data_path
from builder.hub.manifest import MANIFEST, write_manifest
from builder.outdated import check_proven
from builder.public import make_public
from builder.published import put_folder, take_place
from builder.report.drawing import write_pictures
from builder.report.pictures import draw_funnel
from builder.statistics.counts import count_rows
from builder.statistics.funnel import count_funnel
from builder.statistics.study import study_release
from builder.store import Run, digest, write_groups
from builder.stored import GROUP, Stored, cut
from builder.validity.use import list_files, list_prior_files
from builder.versions import collect_versions
from cards.facts import FACTS_PATH, DatasetFacts, Link
from cards.lint_private import find_private
from cards.render import render_dataset_card
from cards.text import read_text
from dimsum.files import UMASK, hash_file, write_json, write_text
from dimsum.places import find_far

RELEASE_VERSION = 4
RECORD = "release.json"


def write_release(
    run: Run, config: BuildConfig, header: dict[str, Any], into: Path | None = None
) -> Path:
    """Write `RUN/<name>` unless it is there and current, and return it.

    Args:
        into: a folder to write instead, on this machine, be the run here or in a store.

    Raises:
        UsageError: `into` holds something that is not a release.
        GateError: the run kept no pair.
        BuilderError: the run is not finished, its header says more than its sidecars prove, what
            would be written names a person's machine, or the disk failed.
    """
    folder = into or run.folder / config.name
    record = run.sidecar("splits", 0)
    if record is None:
        raise BuilderError(f"{run.folder} is not finished", hint="run `dimsum build` again")
    if record.kept == 0:
        raise GateError(
            "no pair passed the filters, so there is nothing to release",
            hint=f"`dimsum show {run.folder}` says what each rule removed",
        )
    rows = Stored([run.path("splits", 0)])
    audits = read_audits(run.folder / RUN_AUDITS, digest_released(rows))
    wanted = digest(
        {
            "version": RELEASE_VERSION,
            "rows": record.files,
            "header": header,
            "name": config.name,
            "audits": [audits.documents, audits.others],
        }
    )
    if into is not None:
        take_place(into)
    elif _is_current(run, folder, wanted):
        return folder
    check_proven(run)
    previous = Previous.read(folder)
    away = find_far(folder)
    beside = None if away else folder.parent
    scratch = Path(tempfile.mkdtemp(prefix=f".{config.name}.", dir=beside))
    try:
        _fill(scratch, run, config, header, previous, audits)
        refuse_private(scratch)
        if away:
            (run.folder / RECORD).unlink(missing_ok=True)  # until all of the new one is there
            put_folder(scratch, away)
        else:
            _swap(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if into is None:
        write_json(run.folder / RECORD, {"fingerprint": wanted})
    return folder


def refuse_private(folder: Path) -> None:
    """Refuse a release that holds a token, a path of this machine, or a name that is nobody's
    business.

    Raises:
        BuilderError: with where the first of them is.
    """
    card = read_text(folder / "README.md")
    found = [one for one in find_private(folder, card) if one.level == "error"]
    if found:
        more = f", and {len(found) - 1} more such findings" if len(found) > 1 else ""
        raise BuilderError(
            f"the release would not be fit to publish: {found[0].where}: {found[0].message}{more}",
            hint="change the setting or the text of your own that says it, then `dimsum release`",
        )


def _is_current(run: Run, folder: Path, wanted: str) -> bool:
    """Whether the folder was made from these rows and still has the bytes it was made with."""
    try:
        record = json.loads((run.folder / RECORD).read_text(encoding="utf-8"))
        sums = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return record.get("fingerprint") == wanted and all(
            hash_file(folder / path) == expected
            for path, expected in sums.items()
            if path != "README.md"
        )
    except (OSError, ValueError, AttributeError):
        return False


def _swap(scratch: Path, folder: Path) -> None:
    """Put the new folder in the old one's place."""
    scratch.chmod(0o777 & ~UMASK)
    old = None
    if folder.exists():
        old = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    scratch.rename(folder)
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)


@dataclass(frozen=True)
class Previous:
    """What a new release keeps of the one that it replaces.

    Attributes:
        card: the text, for its section written by hand.
        student: that the card named.
    """

    card: str | None
    student: Link | None

    @classmethod
    def read(cls, folder: Path) -> Previous:
        """Of a release, or of a folder without one."""
        card = folder / "README.md"
        text = read_text(card) if card.is_file() else None
        try:
            facts = (folder / FACTS_PATH).read_text(encoding="utf-8")
            student = DatasetFacts.model_validate_json(facts).student
        except (OSError, ValueError):
            student = None
        return cls(text, student)


def _fill(
    folder: Path,
    run: Run,
    config: BuildConfig,
    header: dict[str, Any],
    previous: Previous,
    audits: Audits,
) -> None:
    rows = Stored([run.path("splits", 0)])
    schema = config.registry.schema(syntax=config.released_syntax is not None)
    write_data(folder, rows, schema, config.file_rows)
    steps = count_funnel(run, config)
    data = folder / "data"
    corpus, tasks = study_release(data)
    statistics = {
        **count_rows(rows, config.registry),
        "corpus": corpus,
        "tasks": {task: tasks[task] for task in config.rules if task in tasks},
    }
    provenance = folder / "provenance"
    write_text(
        provenance / "config.yaml",
        yaml.safe_dump(
            make_public(config.model_dump(mode="json")), sort_keys=False, allow_unicode=True
        ),
    )
    write_json(provenance / "funnel.json", [step.as_json() for step in steps])
    write_json(provenance / "statistics.json", statistics)
    write_json(provenance / "models.json", make_public(header["models"]))
    for stage, files in (("scores", list_prior_files), ("decisions", list_files)):
        for name, path in files(config, 0).items():
            write_text(provenance / f"{name}.json", _read_input(run, stage, name, path))
    write_json(provenance / "versions.json", collect_versions(header.get("environments", ())))
    write_pictures([draw_funnel(steps)], folder / PICTURES)
    write_documents(folder, audits)
    facts = make_dataset_facts(
        folder, rows, config, header, steps, statistics, audits, previous.student
    )
    write_text(folder / FACTS_PATH, facts.model_dump_json(indent=2) + "\n")
    write_text(folder / "README.md", render_dataset_card(facts, previous.card))
    write_manifest(folder)


def _read_input(run: Run, stage: str, name: str, path: Path) -> str:
    """A file that a stage read, if it still is what the stage read."""
    record = run.sidecar(stage, 0)
    if record is None or not path.is_file() or record.inputs.get(name) != hash_file(path):
        raise BuilderError(
            f"{path} is not the {name} any more that made the {stage} of {run.folder}",
            hint=f"put it back, or make the {stage} again: `dimsum build --again`",
        )
    return path.read_text(encoding="utf-8")


def write_data(folder: Path, rows: Stored, wanted: pa.Schema, most: int) -> None:
    """The rows of every task and split as parquet files, in their order, a group at a time.

    Args:
        wanted: the released columns.
        most: rows of a file.
    """
    sizes: Counter[tuple[str, str]] = Counter()
    for group in rows.groups(["task", "split"]):
        sizes.update(zip(*(column.to_pylist() for column in group.columns), strict=True))
    for (task, split), size in sorted(sizes.items()):
        total = -(-size // most)
        numbered = _number_files(_select_rows(rows, task, split, wanted), most)
        for number, parts in groupby(numbered, key=itemgetter(0)):
            groups = cut((part for _, part in parts), GROUP)
            write_groups(folder / name_data_path(task, split, number, total), wanted, groups)


def _number_files(tables: Iterator[pa.Table], most: int) -> Iterator[tuple[int, pa.Table]]:
    """Tables, cut where a file ends, each with the number of its file."""
    row = 0
    for table in tables:
        while table.num_rows:
            part = table.slice(0, most - row % most)
            yield row // most, part
            row += part.num_rows
            table = table.slice(part.num_rows)


def _select_rows(rows: Stored, task: str, split: str, wanted: pa.Schema) -> Iterator[pa.Table]:
    here = (pc.field("task") == task) & (pc.field("split") == split)
    for group in rows.groups([*wanted.names, "split"]):
        yield group.filter(here).select(wanted.names).cast(wanted)


def list_tasks(dataset: Path) -> list[str]:
    """Names of the tasks that a dataset folder has rows of, which are configs too."""
    return sorted(path.name for path in (dataset / "data").iterdir() if path.is_dir())


def take_rows(dataset: Path, most: int) -> list[dict[str, Any]]:
    """The first rows of each task in turn; rows are ordered by id, a hash, so nobody chose them."""
    tables = [
        _take_first_rows(paths, most)
        for task in list_tasks(dataset)
        if (paths := find_data_paths(dataset, task, "train"))
    ]
    turns = [table[i] for i in range(most) for table in tables if i < len(table)]
    return turns[:most]


def _take_first_rows(paths: Sequence[Path], most: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for group in Stored(paths).groups():
        found += group.slice(0, most - len(found)).to_pylist()
        if len(found) == most:
            break
    return found
