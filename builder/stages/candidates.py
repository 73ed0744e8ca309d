"""candidates: many next sentences of each context, drawn from the teacher.

Source: arXiv 2305.16635. `parallel` candidates are sampled freely (v4, section 3.1), `sequential`
ones are decoded under the keywords of a parallel one (v1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from builder.config import BuildConfig
from builder.sentences import OF_SPLITTING, fault, split, tidy
from builder.stages.base import Rows, Stage, Work, schema_of, with_rejects
from builder.stages.sampling import drawn, sampler
from builder.stages.sequential import Seed, seconds
from builder.store import Output
from dimsum.tasks import Method

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


@dataclass(frozen=True, slots=True)
class Draw:
    """One sentence that was asked for: of which context, how, and what came of it."""

    context: int
    method: Method
    text: str
    logprob: float
    tokens: int
    cut: bool = False
    reason: str | None = None


def make(work: Work) -> Output:
    """Draw next sentences, keep the first whole sentence of each, drop repeats."""
    contexts = work.tables["contexts"].to_pylist()
    if not contexts:
        return with_rejects([], [], SCHEMA, REJECTED)
    prompts = [prompt_of(context) for context in contexts]
    wanted = work.config.candidates
    constrained = round(wanted.samples * wanted.sequential.share)
    draws = _parallel(work, prompts, wanted.samples - constrained)
    rows, rejects = _sifted(draws, contexts, work.config)
    if constrained:
        second = _sequential(work, prompts, rows, contexts, constrained)
        more, more_rejects = _sifted(second, contexts, work.config, rows)
        rows, rejects, draws = rows + more, rejects + more_rejects, draws + second
    rows.sort(key=lambda row: row["position"])  # stable: a context's candidates stand together
    output = with_rejects(rows, rejects, SCHEMA, REJECTED)
    output.counters = {"tokens": sum(draw.tokens for draw in draws)}
    return output


def _parallel(work: Work, prompts: list[str], samples: int) -> list[Draw]:
    nucleus = sampler(work.models.teacher(), work.config.candidates.sampling, "sentence")
    found, faults = drawn(nucleus, prompts, samples, work.seed, work.tick)
    draws = [
        Draw(one.prompt, "parallel", one.text, one.logprob, one.tokens, one.finish == "length")
        for one in found
    ]
    for place, reason in faults.items():
        draws += [Draw(place, "parallel", "", 0.0, 0, reason=reason)] * samples
    return draws


def _sequential(
    work: Work, prompts: list[str], firsts: Rows, contexts: Rows, samples: int
) -> list[Draw]:
    """One constrained sentence for each of the first `samples` candidates of a context."""
    by_context: dict[int, list[str]] = {place: [] for place in range(len(contexts))}
    for row in firsts:
        by_context[row["position"]].append(row["sentence"])
    places = [(p, s) for p in by_context for s in by_context[p][:samples]]
    found = seconds(
        work.models.teacher(),
        work.config.candidates,
        [Seed(prompts[place], sentence) for place, sentence in places],
        work.tick,
    )
    draws = [
        Draw(place, "sequential", one.text, one.logprob, one.tokens, reason=one.reason)
        for (place, _), one in zip(places, found, strict=True)
    ]
    for place, sentences in by_context.items():
        missing = samples - min(samples, len(sentences))
        draws += [Draw(place, "sequential", "", 0.0, 0, reason="no_first_sentence")] * missing
    return draws


def _sifted(
    draws: list[Draw], contexts: Rows, config: BuildConfig, earlier: Sequence[dict[str, Any]] = ()
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
        reason = draw.reason or fault(sentence, config.candidates.max_characters, banned)
        if draw.cut and len(found) < 2:
            reason = reason or "unfinished"
        if reason is None and (draw.context, sentence) in seen:
            reason = "repeated"
        common = {
            "context_id": context["context_id"],
            "sentence": sentence,
            "method": draw.method,
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
    version=1,
    unit="sentences",
    make=make,
    inputs=("contexts",),
    settings=lambda c, _: {
        "candidates": c.candidates.model_dump(mode="json"),
        "forbidden": {domain.name: list(domain.forbidden) for domain in c.domains},
    },
    models=("teacher",),
    libraries=OF_SPLITTING,
)
