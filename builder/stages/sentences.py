"""sentences: of an earlier run's sentences, those that a student is to rewrite.

They are the run's candidates or the sources of its pairs. A shard of the round is a shard of the
earlier run, whose tables are inputs by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from builder.config import BuildConfig, RoundConfig, parse_config
from builder.stages.base import Rows, Stage, Work, add_rejects, make_schema
from builder.stages.contexts import list_shards as list_context_shards
from builder.stages.splits import count_sentences
from builder.store import Output, Run, read_table
from dimsum.metrics.words import split_words

SCHEMA = make_schema(
    context_id=pa.string(),
    continuation_id=pa.string(),
    domain=pa.string(),
    context=pa.string(),
    sentences=pa.int32(),
    source=pa.string(),
    logprob=pa.float32(),
)
REJECTED = make_schema(context_id=pa.string(), source=pa.string(), reason=pa.string())


def count_shards(settings: RoundConfig) -> int:
    """Units of a round: those of the run that it takes its sentences from."""
    return _count_shards(settings.corpus)


@cache
def _count_shards(corpus: Path) -> int:
    return len(list_context_shards(parse_config(Run.open(corpus).header()["config"])))


def make(work: Work) -> Output:
    """The first sentences of each context that are long enough; the rest is counted."""
    settings = work.config.round
    assert settings is not None
    wanted = settings.rewriting
    found = _read(work.files)
    lengths = count_sentences(read_table(work.files["contexts"], ["context_id", "sentences"]))
    rows: Rows = []
    rejects: Rows = []
    for context_id, group in groupby(found, key=lambda row: row["context_id"]):
        taken = 0
        for position, row in enumerate(group):
            common = {
                "context_id": f"{context_id}-r{settings.number}-{position}",
                "source": row["sentence"],
            }
            if len(split_words(row["sentence"])) < wanted.least_words:
                rejects.append({**common, "reason": "too_short_to_rewrite"})
            elif taken < wanted.per_context:
                taken += 1
                names = ("continuation_id", "domain", "context", "logprob")
                kept = {name: row[name] for name in names}
                rows.append({**common, **kept, "sentences": lengths[context_id]})
            else:
                rejects.append({**common, "reason": "enough_of_its_context"})
    return add_rejects(rows, rejects, SCHEMA, REJECTED)


def _read(files: Mapping[str, Path]) -> Rows:
    """Candidates; where pairs are given, those that are the source of one."""
    candidates: Rows = read_table(files["candidates"]).to_pylist()
    if "duplicates" not in files:
        return candidates
    pairs = read_table(files["duplicates"], ["context_id", "source"]).to_pylist()
    sources = {(pair["context_id"], pair["source"]) for pair in pairs}
    return [row for row in candidates if (row["context_id"], row["sentence"]) in sources]


def _list_settings(config: BuildConfig, shard: int) -> dict[str, object]:
    assert config.round is not None
    settings = config.round
    chosen = settings.rewriting.model_dump(include={"sentences", "per_context", "least_words"})
    return {"number": settings.number, **chosen}


def _list_files(config: BuildConfig, shard: int) -> dict[str, Path]:
    assert config.round is not None
    corpus = Run.open(config.round.corpus)
    pairs = () if config.round.rewriting.sentences == "candidates" else ("duplicates",)
    return {n: corpus.read_finished(n, shard) for n in ("candidates", "contexts", *pairs)}


STAGE = Stage(
    name="sentences",
    version=4,
    counted="sentences",
    make=make,
    inputs=(),
    settings=_list_settings,
    files=_list_files,
)
