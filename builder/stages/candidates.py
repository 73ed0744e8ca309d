"""candidates: many next sentences of each context, drawn from the teacher.

How they are drawn is a list of methods (`builder/methods`), each with a share of the samples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from builder.config import BuildConfig
from builder.methods.base import Draw, Request
from builder.methods.registry import METHODS, make_identity
from builder.sentences import OF_SPLITTING, find_fault, split, tidy
from builder.stages.base import Rows, Stage, Work, add_rejects, make_schema
from builder.store import Output, make_seed

SCHEMA = make_schema(
    context_id=pa.string(),
    continuation_id=pa.string(),
    domain=pa.string(),
    context=pa.string(),
    candidate=pa.int32(),
    sentence=pa.string(),
    method=pa.string(),
    logprob=pa.float32(),
    tokens=pa.int32(),
)
REJECTED = make_schema(
    context_id=pa.string(),
    sentence=pa.string(),
    method=pa.string(),
    reason=pa.string(),
)


def make_prompt(context: dict[str, str]) -> str:
    """What the teacher continues: the opening, then the context."""
    return f"{context['opening']} {context['context']}".strip()


def make(work: Work) -> Output:
    """Draw next sentences method by method, keep the first whole one of each, drop repeats."""
    contexts = work.tables["contexts"].to_pylist()
    if not contexts:
        return add_rejects([], [], SCHEMA, REJECTED)
    prompts = [make_prompt(context) for context in contexts]
    wanted = work.config.candidates
    rows: Rows = []
    rejects: Rows = []
    tokens = 0
    for number, (settings, count) in enumerate(zip(wanted.methods, wanted.counts, strict=True)):
        earlier: list[list[str]] = [[] for _ in contexts]
        for row in rows:
            earlier[row["position"]].append(row["sentence"])
        request = Request(
            prompts=prompts,
            earlier=earlier,
            count=count,
            seed=make_seed(work.seed, settings.kind, number) if number else work.seed,
            teacher=work.models.teacher(),
            tick=work.tick,
            contexts=[context["context"] for context in contexts],
        )
        method = METHODS.find(settings.kind)
        draws = method.draw(settings, request)
        more, more_rejects = _sift(draws, method.name, contexts, work.config, rows)
        rows, rejects = rows + more, rejects + more_rejects
        tokens += sum(draw.tokens for draw in draws)
    rows.sort(key=lambda row: row["position"])  # stable: a context's candidates stand together
    output = add_rejects(rows, rejects, SCHEMA, REJECTED)
    output.counters = {"tokens": tokens}
    return output


def _sift(
    draws: Sequence[Draw], method: str, contexts: Rows, config: BuildConfig, earlier: Rows
) -> tuple[Rows, Rows]:
    """Rows of whole new sentences, and rejected ones with their reasons."""
    forbidden = {domain.name: domain.forbidden for domain in config.domains}
    seen = {(row["position"], row["sentence"]) for row in earlier}
    counts = Counter(row["position"] for row in earlier)
    rows: Rows = []
    rejects: Rows = []
    for draw, found in zip(draws, split(tidy(draw.text) for draw in draws), strict=True):
        context = contexts[draw.context]
        sentence = found[0] if found else ""
        banned = forbidden[context["domain"]]
        reason = draw.reason or find_fault(sentence, config.candidates.max_characters, banned)
        if draw.cut and len(found) < 2:
            reason = reason or "unfinished"
        if reason is None and (draw.context, sentence) in seen:
            reason = "repeated"
        common = {
            "context_id": context["context_id"],
            "sentence": sentence,
            "method": draw.method or method,
        }
        if reason:
            rejects.append({**common, "reason": reason})
            continue
        seen.add((draw.context, sentence))
        rows.append(
            {
                **common,
                "position": draw.context,
                "continuation_id": context["continuation_id"],
                "domain": context["domain"],
                "context": context["context"],
                "candidate": counts[draw.context],
                "logprob": draw.logprob,
                "tokens": draw.tokens,
            }
        )
        counts[draw.context] += 1
    return rows, rejects


STAGE = Stage(
    name="candidates",
    version=2,
    counted="sentences",
    make=make,
    inputs=("contexts",),
    settings=lambda c, _: {
        "candidates": c.candidates.model_dump(mode="json"),
        "methods": [make_identity(method.kind) for method in c.candidates.methods],
        "forbidden": {domain.name: list(domain.forbidden) for domain in c.domains},
    },
    models=("teacher",),
    libraries=OF_SPLITTING,
    further_libraries=lambda c: tuple(
        library
        for method in c.candidates.methods
        for library in METHODS.find(method.kind).libraries
    ),
)
