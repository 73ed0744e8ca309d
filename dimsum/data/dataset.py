"""Rows of a split of a data set: a folder, a file, or a data set on the Hub."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from dimsum.data.files import (
    JSON,
    TABLES,
    explain_no_file,
    find_form,
    find_table_form,
    is_table,
    read_file_rows,
)
from dimsum.data.splits import SPLIT_OF, find_file_split, find_split
from dimsum.data.values import Reading, Row
from dimsum.errors import DimsumError, UsageError
from dimsum.network import explain_offline, is_offline, prefer_cache_when_offline
from dimsum.os_errors import explain_missing, leads_nowhere

SPLIT_COLUMN = "split"


def is_local(reference: str) -> bool:
    """Whether a reference means a path on this machine and not a data set on the Hub."""
    path = Path(reference).expanduser()
    return (
        path.exists()
        or leads_nowhere(path)  # which is said where it is read
        or reference.startswith((".", "/", "~"))
        or find_form(Path(reference)) is not None
    )


def read_rows(
    reference: str,
    split: str | None,
    config: str | None = None,
    reading: Reading | None = None,
) -> Iterator[Row]:
    """Rows of one split, by the rules of `dimsum.data`.

    Args:
        reference: a folder of data files, one such file, or a Hub id with an optional `@revision`.
        split: train, validation or test; None for all rows; of a Hub data set any name it has.
        config: of a Hub data set.
        reading: where rows of other splits are counted.

    Raises:
        UsageError: nothing is there, it cannot be read, or train is asked for and all that is
            there is held out.
        DimsumError: the Hub data set cannot be loaded.
    """
    if not is_local(reference):
        rows: Iterator[tuple[str | None, Row]] = (
            (None, row) for row in _read_hub(reference, split, config)
        )
    else:
        rows = _read_local(reference, split)
    asked = split and (find_split(split) or split)
    for said, row in rows:
        own = _read_split(row) or said
        if asked is None or own in (None, asked):
            yield row
        elif reading is not None:
            reading.other_splits[own] += 1


def _read_local(reference: str, split: str | None) -> Iterator[tuple[str | None, Row]]:
    """The rows of all files, each with the split that its file is."""
    files = find_data_files(Path(reference).expanduser())
    if split == "train" and all(said not in (None, "train") for _, said in files):
        counts = Counter(said for _, said in files)
        raise UsageError(
            f"{reference} has nothing to train on: by its name it is "
            + " and ".join(f"{said} ({n})" for said, n in counts.items()),
            hint="a held-out split is never trained on; give the training files, or rename them",
        )
    for file, said in files:
        for row in read_file_rows(file):
            yield said or "train", row


def _read_split(row: Row) -> str | None:
    """The split that a row's own column says."""
    value = row.get(SPLIT_COLUMN)
    return find_split(value) if isinstance(value, str) else None


def find_data_files(path: Path) -> list[tuple[Path, str | None]]:
    """Data files with the split that their names say.

    Args:
        path: a file, or a folder; of a folder with `data/` in it the files in there.

    Raises:
        UsageError: no such path, a file of no known form, or a folder without data files or with
            a link in the place of one that leads nowhere.
    """
    if path.is_file():
        find_table_form(path)
        return [(path, find_file_split([path.name], *_look_around(path.parent)))]
    if not path.is_dir():
        kind = "file" if find_form(path) else "dataset"
        hint = explain_missing(path, "give a folder, a file or a Hub id")
        raise UsageError(f"no {kind} at {path}", hint=hint)
    found = _list_files(path / "data") or _list_files(path)
    if not found:
        raise UsageError(
            f"{path} holds no data file", hint=f"files that can be read: {', '.join(TABLES)}"
        )
    around = _look_around(path)
    return [(file, find_file_split(file.relative_to(path).parts, *around)) for file in found]


def _look_around(folder: Path) -> tuple[str, list[str]]:
    """A folder's name, and where that is a split's word what lies beside it."""
    here = folder.resolve()
    if here.name.lower() not in SPLIT_OF:
        return here.name, []
    try:
        there = [one for one in here.parent.iterdir() if is_table(one) or one.is_dir()]
    except OSError:  # a folder that cannot be listed says nothing of its neighbours
        there = []
    return here.name, [one.name for one in there]


def _list_files(folder: Path) -> list[Path]:
    there = [
        path
        for path in sorted(folder.rglob("*"))
        if not any(p.startswith((".", "provenance")) for p in path.relative_to(folder).parts)
    ]
    for path in there:
        if leads_nowhere(path) and is_table(path):
            raise UsageError(f"no file at {path}", hint=explain_no_file(path))
    there = [path for path in there if path.is_file()]
    tables = [file for file in there if is_table(file)]
    return tables or [file for file in there if file.name.lower().endswith(JSON)]


def _read_hub(reference: str, split: str | None, config: str | None) -> Iterator[Row]:
    prefer_cache_when_offline()
    from datasets import get_dataset_split_names, load_dataset

    name, _, revision = reference.partition("@")
    try:
        there = get_dataset_split_names(name, config, revision=revision or None)
        parts = [
            load_dataset(name, config, split=one, revision=revision or None)
            for one in _match_splits(there, split)
        ]
    except Exception as error:
        if is_offline():
            raise make_reach_error(reference) from error
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DimsumError(
            f"the dataset {reference} could not be loaded: {first}",
            hint="no file or folder of that name lies here; of a Hub data set check name, config "
            "and revision; private ones need `hf auth login`",
        ) from error
    if split == "train" and not parts:
        raise UsageError(
            f"{reference} has nothing to train on; its splits are {', '.join(there)}",
            hint="a held-out split is never trained on",
        )
    number = 0
    for part in parts:
        for row in part:
            number += 1
            yield Row(row, f"row {number}")


def make_reach_error(reference: str) -> DimsumError:
    """What is said of a Hub data set that is not in the cache while the Hub is not asked."""
    return DimsumError(
        f"the dataset {reference} is not in the Hub's cache, and {explain_offline()}",
        hint="nor does a file or folder of that name lie here; check its name and the network",
    )


def _match_splits(there: Sequence[str], split: str | None) -> list[str]:
    """Splits of the Hub's names that are meant: the very one, else those that mean the same.

    Where none is called train, those whose names say no split are.
    """
    if split is None:
        return list(there)
    same = [split] if split in there else [one for one in there if find_split(one) == split]
    return same or [one for one in there if split == "train" and find_split(one) is None]
