"""placement: a round's pairs are put into the splits of the earlier run.

A pair goes into the split of its continuation, or of a sentence that it shares with an earlier
row; one that would join two splits is dropped, and one that joins none is train. SPLITS then puts
the rows of both together. No row of the earlier run ever moves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from builder.config import BuildConfig
from builder.models import make_public_name
from builder.stages.base import Rows, Stage, Work
from builder.stages.splits import count_sentences, list_columns, make_release_row, split_origins
from builder.stages.syntax import add_trees, describe_trees, list_trees_libraries
from builder.store import Output, Run, read_table


def make(work: Work) -> Output:
    """Released rows of the round with the split of each; order by id."""
    settings = work.config.round
    assert settings is not None
    earlier = _read_earlier(work)
    known = {row["id"] for row in earlier}
    membership = Membership(earlier)
    teacher = make_public_name(work.config.teacher.model)
    tasks = {task.name: task for task in work.config.definitions}
    lengths = count_sentences(work.tables["sentences"])
    rows: Rows = []
    rejects: Rows = []
    for pair in work.tables["near_duplicates"].to_pylist():
        row = make_release_row(pair, tasks[pair["task"]], teacher, settings.number)
        split = membership.split_of(pair)
        if row["id"] in known:
            rejects.append({**row, "split": "", "reason": "in_the_earlier_corpus"})
        elif split is None:
            rejects.append({**row, "split": "", "reason": "joins_two_splits"})
        else:
            known.add(row["id"])
            membership.add(pair, split)
            length = lengths[row["context_id"]]
            rows.append({**row, "split": split, "context_sentences": length})
    add_trees(rows, work.config)
    return split_origins(rows, rejects, list_columns(work.config))


class Membership:
    """Which split each continuation and each sentence lies in."""

    def __init__(self, earlier: Rows) -> None:
        self.continuations: dict[str, str] = {}
        self.sentences: dict[str, str] = {}
        for row in earlier:
            self.continuations[row["continuation_id"]] = row["split"]
            for side in ("source", "target"):
                self.sentences[row[side]] = row["split"]

    def split_of(self, pair: dict[str, Any]) -> str | None:
        """The one split that the pair may lie in; None if it belongs to two."""
        found = {
            self.continuations.get(pair["continuation_id"]),
            self.sentences.get(pair["source"]),
            self.sentences.get(pair["target"]),
        } - {None}
        if len(found) > 1:
            return None
        return next(iter(found)) if found else "train"

    def add(self, pair: dict[str, Any], split: str) -> None:
        """Later pairs follow this one."""
        self.continuations[pair["continuation_id"]] = split
        self.sentences[pair["source"]] = self.sentences[pair["target"]] = split


def join(work: Work) -> Output:
    """All rows, the earlier run's and the round's, in the order of their ids."""
    earlier = _read_earlier(work)
    new = _join(work.tables["placement"], work.tables["placement.origins"])
    rows = [*earlier, *new]
    add_trees(rows, work.config)
    output = split_origins(rows, [], list_columns(work.config))
    output.counters = {"of_the_earlier_run": len(earlier)}
    return output


def _read_earlier(work: Work) -> Rows:
    """The rows of the earlier run, each with where it comes from."""
    rows, origins = (read_table(work.files[name]) for name in ("earlier rows", "earlier origins"))
    return _join(rows, origins)


def _join(rows: pa.Table, origins: pa.Table) -> Rows:
    pairs = zip(rows.to_pylist(), origins.to_pylist(), strict=True)
    return [{**row, **origin} for row, origin in pairs]


def _list_settings(config: BuildConfig, shard: int) -> dict[str, object]:
    return {
        "teacher": config.teacher.model,
        "tasks": config.task_versions(),
        **describe_trees(config),
    }


def _list_files(config: BuildConfig, shard: int) -> dict[str, Path]:
    assert config.round is not None
    earlier = Run.open(config.round.earlier)
    return {
        "earlier rows": earlier.read_finished("splits", 0),
        "earlier origins": earlier.read_finished("splits", 0, "origins"),
    }


STAGE = Stage(
    name="placement",
    version=2,
    counted="pairs",
    make=make,
    inputs=("near_duplicates", "sentences"),
    settings=_list_settings,
    files=_list_files,
    whole=True,
    further_libraries=list_trees_libraries,
)

SPLITS = Stage(
    name="splits",
    version=2,
    counted="rows of all rounds",
    make=join,
    inputs=("placement", "placement.origins"),
    settings=_list_settings,
    files=_list_files,
    whole=True,
    further_libraries=list_trees_libraries,
)
