"""candidates: many next sentences of each context, drawn from the teacher.

Source: arXiv 2305.16635 v4, section 3.1. `parallel` candidates are sampled freely.
"""

from __future__ import annotations

import pyarrow as pa

from builder.sentences import fault, split, tidy
from builder.stages.base import Rows, Stage, Work, schema_of, with_rejects
from builder.stages.contexts import sampler
from builder.store import Output

SCHEMA = schema_of(
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
REJECTED = schema_of(
    context_id=pa.string(),
    sentence=pa.string(),
    method=pa.string(),
    reason=pa.string(),
)


def prompt_of(context: dict[str, str]) -> str:
    """What the teacher continues: the opening, then the context."""
    return f"{context['opening']} {context['context']}".strip()


def make(work: Work) -> Output:
    """Sample next sentences, keep the first whole sentence of each, drop repeats."""
    contexts = work.tables["contexts"].to_pylist()
    settings = work.config.candidates
    forbidden = {domain.name: domain.forbidden for domain in work.config.domains}
    rows: Rows = []
    rejects: Rows = []
    if not contexts:
        return with_rejects(rows, rejects, SCHEMA, REJECTED)
    samples = sampler(work.models.teacher(), settings.sampling, "sentence").sample(
        [prompt_of(context) for context in contexts],
        settings.samples,
        seed=work.seed,
        on_tokens=work.tick,
    )
    seen: set[tuple[int, str]] = set()
    sentences = split(tidy(sample.text) for sample in samples)
    for sample, found in zip(samples, sentences, strict=True):
        context = contexts[sample.prompt]
        sentence = found[0] if found else ""
        reason = fault(sentence, settings.max_characters, forbidden[context["domain"]])
        if sample.finish == "length" and len(found) < 2:
            reason = reason or "unfinished"
        if reason is None and (sample.prompt, sentence) in seen:
            reason = "repeated"
        common = {"context_id": context["context_id"], "sentence": sentence, "method": "parallel"}
        if reason:
            rejects.append({**common, "reason": reason})
            continue
        seen.add((sample.prompt, sentence))
        rows.append(
            {
                **common,
                "continuation_id": context["continuation_id"],
                "domain": context["domain"],
                "context": context["context"],
                "candidate": sample.index,
                "logprob": sample.logprob,
                "tokens": sample.tokens,
            }
        )
    output = with_rejects(rows, rejects, SCHEMA, REJECTED)
    output.counters = {"tokens": sum(sample.tokens for sample in samples)}
    return output


STAGE = Stage(
    name="candidates",
    version=1,
    unit="sentences",
    make=make,
    inputs=("contexts",),
    settings=lambda c, _: {
        "candidates": c.candidates.model_dump(mode="json"),
        "forbidden": {domain.name: list(domain.forbidden) for domain in c.domains},
    },
    models=("teacher",),
)
