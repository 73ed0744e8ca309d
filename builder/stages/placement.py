"""placement: a round's pairs take their places beside the rows of the earlier run.

A pair goes into the split of its continuation, or of a sentence that it shares with an earlier
row; one that would join two splits is dropped, and one that joins none is train. SPLITS then puts
the rows of both together. No row of the earlier run ever moves.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builder.config import BuildConfig
from builder.models import public_name
from builder.stages.base import Rows, Stage, Work, extended, with_rejects
from builder.stages.splits import released, schema
from builder.store import Output, Run

_PLACE = re.compile(r"-\d+(-r\d+-\d+)?$")
"""What a context's name has beyond its continuation's: its position, and its place in a round."""


def make(work: Work) -> Output:
    """Released rows of the round with the split of each; order by id."""
    settings = work.config.round
    assert settings is not None
    earlier = pq.read_table(work.files["earlier rows"]).to_pylist()
    known = {row["id"] for row in earlier}
    places = Places(earlier)
    teacher = public_name(work.config.teacher.model)
    tasks = {task.name: task for task in work.config.definitions}
    rows: Rows = []
    rejects: Rows = []
    for pair in work.tables["near_duplicates"].to_pylist():
        row = released(pair, tasks[pair["task"]], teacher, settings.number)
        split = places.split_of(pair)
        if row["id"] in known:
            rejects.append({**row, "split": "", "reason": "in_the_earlier_corpus"})
        elif split is None:
            rejects.append({**row, "split": "", "reason": "joins_two_splits"})
        else:
            known.add(row["id"])
            places.add(pair, split)
            rows.append({**row, "split": split})
    rows.sort(key=lambda row: row["id"])
    wanted = schema(work.config.registry)
    return with_rejects(rows, rejects, wanted, extended(wanted, reason=pa.string()))


class Places:
    """Which split each continuation and each sentence lies in."""

    def __init__(self, earlier: Rows) -> None:
        self.continuations: dict[str, str] = {}
        self.sentences: dict[str, str] = {}
        for row in earlier:
            self.continuations[_PLACE.sub("", row["context_id"])] = row["split"]
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
    earlier = pq.read_table(work.files["earlier rows"]).to_pylist()
    rows = [*earlier, *work.tables["placement"].to_pylist()]
    rows.sort(key=lambda row: row["id"])
    wanted = schema(work.config.registry)
    output = with_rejects(rows, [], wanted, extended(wanted, reason=pa.string()))
    output.counters = {"of_the_earlier_run": len(earlier)}
    return output


def _settings(config: BuildConfig, shard: int) -> dict[str, object]:
    return {"teacher": config.teacher.model, "tasks": config.task_versions()}


def _files(config: BuildConfig, shard: int) -> dict[str, Path]:
    assert config.round is not None
    return {"earlier rows": Run.open(config.round.earlier).finished_table("splits", 0)}


STAGE = Stage(
    name="placement",
    version=1,
    unit="pairs",
    make=make,
    inputs=("near_duplicates",),
    settings=_settings,
    files=_files,
    whole=True,
)

SPLITS = Stage(
    name="splits",
    version=1,
    unit="rows of all rounds",
    make=join,
    inputs=("placement",),
    settings=_settings,
    files=_files,
    whole=True,
)
