"""The files of a release, as the facts of its configurations and their splits; its first rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from builder.splitting import SPLITS
from builder.stored import Stored
from cards.facts import ConfigFacts, DataFile, Sample, SampleRow, SplitFacts
from dimsum.files import hash_file
from dimsum.tasks import TaskDefinition

SAMPLE_ROWS = 10


def name_data_path(task: str, split: str, number: int, total: int) -> str:
    """Where one of the files of a task's split lies inside the released folder."""
    return f"data/{task}/{split}-{number:05d}-of-{total:05d}.parquet"


def find_data_paths(folder: Path, task: str, split: str) -> list[Path]:
    """The files of a task's split in a released folder, in the order of their rows."""
    return sorted((folder / "data" / task).glob(f"{split}-*.parquet"))


def describe_configs(folder: Path, tasks: Sequence[TaskDefinition]) -> tuple[ConfigFacts, ...]:
    """All tasks and each of them, with the splits that have rows."""
    number = {1: "All pairs", 2: "Both tasks together"}.get(len(tasks), "All tasks together")
    meanings = {"default": number, **{task.name: task.meaning for task in tasks}}
    found = []
    for name in meanings:
        members = [task.name for task in tasks if name in ("default", task.name)]
        splits = [_describe_split(folder, members, split) for split in SPLITS]
        there = tuple(split for split in splits if split is not None)
        if there:
            found.append(
                ConfigFacts(
                    name=name, meaning=meanings[name], splits=there, default=name == "default"
                )
            )
    return tuple(found)


def _describe_split(folder: Path, tasks: list[str], split: str) -> SplitFacts | None:
    files: list[DataFile] = []
    globs: list[str] = []
    rows = size = 0
    for task in tasks:
        paths = find_data_paths(folder, task, split)
        if paths:
            rows += Stored(paths).num_rows
            size += sum(group.nbytes for group in Stored(paths).groups())
            globs.append(f"data/{task}/{split}-*.parquet")
        for path in paths:
            files.append(
                DataFile(
                    path=path.relative_to(folder).as_posix(),
                    bytes=path.stat().st_size,
                    sha256=hash_file(path),
                )
            )
    if not files:
        return None
    return SplitFacts(name=split, rows=rows, bytes=size, globs=tuple(globs), files=tuple(files))


def take_sample(rows: Stored) -> Sample:
    """The first rows of train."""
    names = list(SampleRow.model_fields)
    train: list[dict[str, Any]] = []
    for group in rows.groups([*names, "split"]):
        train += group.filter(pc.field("split") == "train").slice(0, SAMPLE_ROWS).to_pylist()
        if len(train) >= SAMPLE_ROWS:
            break
    return Sample(
        rule="The first rows of train by their ids, which are hashes: nobody chose them.",
        rows=tuple(SampleRow(**{name: row[name] for name in names}) for row in train[:SAMPLE_ROWS]),
    )
