"""rewrites: what a student makes of each sentence, under each control code that it knows.

Source: arXiv 2305.16635, section 3.3: ten samples of each sentence; under all codes, as in the
code of the first version. A student that is sure of itself samples its sentence again and again;
a beam search ends otherwise (docs/experiments/levers.md), and keeps to the lengths that a code
asks for, so that it also writes what the student has seen few pairs of. PAIRS then bounds
(sentence, rewrite) by the cheap measures, as the stage of the same name does for the teacher's
pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from builder.errors import ConfigError
from builder.methods import parallel
from builder.sentences import find_fault
from builder.stages.base import (
    Rows,
    Stage,
    Work,
    add_rejects,
    extend,
    make_schema,
    make_table,
)
from builder.stages.pairs import COMMON, find_pairs
from builder.stages.pairs import list_libraries as list_pair_libraries
from builder.stages.pairs import list_settings as list_pair_settings
from builder.stages.sentences import SCHEMA as SENTENCES
from builder.store import Output
from dimsum.prompts import join_lines
from dimsum.rerank import find_bounds

if TYPE_CHECKING:
    from builder.measures.base import Indices
    from dimsum.tasks import TaskDefinition

METHOD = parallel.METHOD.name
"""A student writes freely, as this method does."""
SCHEMA = extend(SENTENCES, target=pa.string(), control=pa.string())
REJECTED = make_schema(
    context_id=pa.string(),
    source=pa.string(),
    target=pa.string(),
    control=pa.string(),
    reason=pa.string(),
)


def make(work: Work) -> Output:
    """Write, and drop what is no sentence, a copy, or said before of the same source."""
    rows = work.tables["sentences"].to_pylist()
    if not rows:
        return add_rejects([], [], SCHEMA, REJECTED)
    tokens = 0

    def count(written: int) -> None:
        nonlocal tokens
        tokens += written
        work.tick(written)

    codes, found = _write(work, [row["source"] for row in rows], count)
    passed: Rows = []
    rejects: Rows = []
    most = work.config.candidates.max_characters
    forbidden = {domain.name: domain.forbidden for domain in work.config.domains}
    for position, row in enumerate(rows):
        seen = {join_lines(row["source"])}
        for index, code in enumerate(codes):
            for target in found[index][position]:
                reason = find_fault(target, most, forbidden[row["domain"]])
                if reason is None and target in seen:
                    reason = "repeated"
                seen.add(target)
                new = {**row, "target": target, "control": code}
                if reason is None:
                    passed.append(new)
                else:
                    rejects.append({**new, "reason": reason})
    cut = {name: [row.get(name) for row in rejects] for name in REJECTED.names}
    output = add_rejects(passed, [], SCHEMA, REJECTED)
    output.extra["rejects"] = pa.table(cut, schema=REJECTED)
    output.entered = len(passed) + len(rejects)
    for row in rejects:
        output.rejected[row["reason"]] = output.rejected.get(row["reason"], 0) + 1
    output.counters = {"tokens": tokens}
    return output


def _write(
    work: Work, sources: list[str], on_tokens: Callable[[int], None]
) -> tuple[list[str], list[list[list[str]]]]:
    """The codes that are asked for and known, and for each what the student writes of each source.

    Raises:
        ConfigError: the student knows none of the codes that are asked for.
    """
    assert work.config.round is not None
    settings = work.config.round.rewriting
    student = work.models.student()
    known = student.spec.codes
    codes = [code for code in known if not settings.codes or code in settings.codes]
    if not codes:
        raise ConfigError(
            f"the student was trained on no pair of {', '.join(settings.codes)}",
            hint=f"rewriting.codes can name {', '.join(known)}",
        )
    found: list[list[list[str]]] = [[[] for _ in sources] for _ in codes]
    if settings.samples:
        written = student.write(
            [source for source in sources for _ in codes],
            [code for _ in sources for code in codes],
            n=settings.samples,
            sample=True,
            seed=work.seed % 2**31,
            batch_size=settings.batch_size,
            generation=settings.sampling,
            on_tokens=on_tokens,
        )
        for index in range(len(codes)):
            found[index] = written[index :: len(codes)]
    if settings.beams:
        search = settings.sampling.model_copy(update={"beams": settings.beams})
        for index, code in enumerate(codes):
            written = student.write(
                sources,
                code,
                n=settings.beams,
                sample=False,
                batch_size=settings.batch_size,
                generation=search,
                compression=find_lengths(work.config.definitions, code),
                on_tokens=on_tokens,
            )
            for texts, more in zip(found[index], written, strict=True):
                # Where fewer texts were found than beams, the last stands for the others.
                texts.extend(dict.fromkeys(more))
    return codes, found


def find_lengths(tasks: Iterable[TaskDefinition], code: str) -> tuple[float, float] | None:
    """The share of a source's characters that a control code of some task asks for; None: any."""
    return next((bounds for task in tasks if (bounds := find_bounds(task, code))), None)


def make_pairs(work: Work) -> Output:
    """Measure every (sentence, rewrite) and keep those inside some task's bounds."""
    return find_pairs(work, _make_candidates(work.tables["rewrites"]), _pair_first)


def _make_candidates(rewrites: pa.Table) -> pa.Table:
    """Each sentence, and after it what was made of it, as the stage of pairs reads a context."""
    rows: Rows = []
    for _, group in groupby(rewrites.to_pylist(), key=lambda row: row["context_id"]):
        members = list(group)
        first = members[0]
        common = {name: first[name] for name in COMMON} | {"method": METHOD}
        rows.append({**common, "sentence": first["source"], "logprob": first["logprob"]})
        # How likely the teacher finds what a student wrote is not known.
        rows += [{**common, "sentence": r["target"], "logprob": math.nan} for r in members]
    names = (*COMMON, "sentence", "method")
    return make_table(rows, make_schema(**dict.fromkeys(names, pa.string()), logprob=pa.float32()))


def _pair_first(count: int) -> tuple[Indices, Indices]:
    """Pairs of the first sentence with every other."""
    return np.zeros(count - 1, dtype=np.intp), np.arange(1, count)


STAGE = Stage(
    name="rewrites",
    version=7,
    counted="samples",
    make=make,
    inputs=("sentences",),
    settings=lambda c, _: {
        "rewriting": c.round
        and c.round.rewriting.model_dump(
            mode="json", exclude={"sentences", "per_context", "least_words"}
        ),
        "max_characters": c.candidates.max_characters,
        "forbidden": {domain.name: list(domain.forbidden) for domain in c.domains},
    },
    models=("student",),
)

PAIRS = Stage(
    name="pairs",
    version=3,
    counted="samples",
    make=make_pairs,
    inputs=("rewrites",),
    settings=list_pair_settings,
    models=("encoder",),
    further_libraries=list_pair_libraries,
)
