"""sentences: of an earlier run's candidates, those that a student is to rewrite.

A shard of the round is a shard of the earlier run, and its fingerprint holds that shard's hashes.
"""

from __future__ import annotations

from functools import cache
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from builder.config import BuildConfig, RoundConfig, parse_config
from builder.errors import BuilderError
from builder.stages.base import Rows, Stage, Work, schema_of, with_rejects
from builder.stages.contexts import shards as context_shards
from builder.store import Output, Run

SCHEMA = schema_of(
    context_id=pa.string(),
    continuation_id=pa.string(),
    domain=pa.string(),
    context=pa.string(),
    source=pa.string(),
)
REJECTED = schema_of(context_id=pa.string(), source=pa.string(), reason=pa.string())


def shards(settings: RoundConfig) -> int:
    """Units of a round: those of the run that it takes its sentences from."""
    return _shards(settings.corpus)


@cache
def _shards(corpus: Path) -> int:
    return len(context_shards(parse_config(Run.open(corpus).header()["config"])))


def make(work: Work) -> Output:
    """The first sentences of each context; the rest is left out and counted."""
    settings = work.config.round
    assert settings is not None
    candidates = Run.open(settings.corpus).read("candidates", work.shard).to_pylist()
    rows: Rows = []
    rejects: Rows = []
    for context_id, group in groupby(candidates, key=lambda row: row["context_id"]):
        for place, row in enumerate(group):
            common = {
                "context_id": f"{context_id}-r{settings.number}-{place}",
                "source": row["sentence"],
            }
            if place < settings.per_context:
                kept = {name: row[name] for name in ("continuation_id", "domain", "context")}
                rows.append({**common, **kept})
            else:
                rejects.append({**common, "reason": "enough_of_its_context"})
    return with_rejects(rows, rejects, SCHEMA, REJECTED)


def _settings(config: BuildConfig, shard: int) -> dict[str, object]:
    settings = config.round
    assert settings is not None
    record = Run.open(settings.corpus).sidecar("candidates", shard)
    if record is None:
        raise BuilderError(
            f"{settings.corpus} is not finished", hint="run `dimsum build` on it first"
        )
    return {
        "per_context": settings.per_context,
        "number": settings.number,
        "candidates": record.files[f"{shard:05d}.parquet"],
    }


STAGE = Stage(
    name="sentences",
    version=1,
    unit="sentences",
    make=make,
    inputs=(),
    settings=_settings,
)
