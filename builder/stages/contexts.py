"""contexts: free continuations of a domain's openings, cut into (context, next sentence).

Source: section 3.1 of arXiv 2305.16635 v4 and its released code: every kept sentence of a
continuation gives a context, the sentences before it, and that sentence as its next.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from builder.config import BuildConfig, ContextsConfig, DomainConfig
from builder.domains import load_openings, read_openings
from builder.sampling import make_sampler, sample_each
from builder.sentences import OF_SPLITTING, find_fault, split, tidy
from builder.stages.base import Rows, Stage, Work, add_rejects, make_schema
from builder.store import Output, digest

SCHEMA = make_schema(
    context_id=pa.string(),
    domain=pa.string(),
    opening=pa.string(),
    continuation_id=pa.string(),
    context=pa.string(),
    sentences=pa.int32(),
    next_sentence=pa.string(),
)
"""`opening` is what the teacher sees before the context; empty where the context begins with it."""

REJECTED = make_schema(
    domain=pa.string(),
    continuation_id=pa.string(),
    sentence=pa.string(),
    reason=pa.string(),
)


def list_shards(config: BuildConfig) -> list[tuple[DomainConfig, int]]:
    """(domain, openings) of every unit; domains take turns, so a larger run only adds units."""
    size, total = config.contexts.shard, config.contexts.openings
    found = [
        (domain, min(size, total - start))
        for start in range(0, total, size)
        for domain in config.domains
    ]
    return found[: config.run.shards]


def make(work: Work) -> Output:
    """Sample, split into sentences, and cut contexts."""
    domain, count = list_shards(work.config)[work.shard]
    settings = work.config.contexts
    rng = random.Random(work.seed)
    offer = load_openings(domain)
    prompts = [offer.draw(rng) for _ in range(count)]
    teacher = work.models.teacher()
    nucleus = make_sampler(teacher, settings.sampling, "length")
    samples, faults = sample_each(nucleus, prompts, settings.samples, work.seed, work.tick)
    rows: Rows = []
    rejects: Rows = [
        {"domain": domain.name, "sentence": prompts[index], "reason": reason}
        for index, reason in faults.items()
    ]
    texts = (tidy(sample.text) for sample in samples)
    for sample, sentences in zip(samples, split(texts), strict=True):
        name = f"{domain.name}-{work.shard:05d}-{sample.prompt:03d}-{sample.index:03d}"
        common = {"domain": domain.name, "continuation_id": name}
        if sample.finish == "length" and sentences:
            sentences[-1] = sentences[-1].rstrip(".!?\"'”’)]") + "…"
        verdicts = _thin(_cut(sentences, settings, domain), settings.per_continuation, rng)
        opening = prompts[sample.prompt]
        stored = "" if domain.strip_opening else f"{opening} "
        for position, reason in verdicts:
            if reason:
                rejects.append({**common, "sentence": sentences[position], "reason": reason})
                continue
            rows.append(
                {
                    **common,
                    "context_id": f"{name}-{position}",
                    "opening": opening if domain.strip_opening else "",
                    "context": stored + " ".join(sentences[:position]),
                    "sentences": position,
                    "next_sentence": sentences[position],
                }
            )
    output = add_rejects(rows, rejects, SCHEMA, REJECTED)
    output.counters = {
        "continuations": len(samples),
        "tokens": sum(len(sample.tokens) for sample in samples),
        **{f"openings_skipped_{reason}": n for reason, n in offer.skipped.items()},
    }
    return output


def _cut(
    sentences: list[str], settings: ContextsConfig, domain: DomainConfig
) -> Iterator[tuple[int, str | None]]:
    """(position of the next sentence, why it gives no context or None)."""
    broken = False
    length = 0
    for position, sentence in enumerate(sentences):
        reason = find_fault(sentence, settings.max_characters, domain.forbidden)
        if broken:
            reason = "after_a_dropped_sentence"
        elif reason:
            broken = True
        elif position < settings.min_sentences:
            reason = "too_early"
        elif position > settings.max_sentences:
            reason = "too_late"
        elif length > settings.max_characters:
            reason = "context_too_long"
        length += len(sentence) + 1
        yield position, reason


def _thin(
    verdicts: Iterator[tuple[int, str | None]], limit: int | None, rng: random.Random
) -> list[tuple[int, str | None]]:
    """Keep at most `limit` contexts of a continuation, chosen at random."""
    found = list(verdicts)
    good = [position for position, reason in found if reason is None]
    chosen = set(good if limit is None else rng.sample(good, min(limit, len(good))))
    return [
        (position, reason or (None if position in chosen else "sampled_out"))
        for position, reason in found
    ]


def _list_settings(config: BuildConfig, shard: int) -> dict[str, object]:
    """What decides a shard's contexts; how many shards there are does not, so a run can grow."""
    domain, count = list_shards(config)[shard]
    content = domain.model_dump(mode="json", exclude={"file"})
    how = config.contexts.model_dump(mode="json", exclude={"openings", "shard"})
    return {"contexts": how, "domain": content, "openings": count}


def _list_files(config: BuildConfig, shard: int) -> dict[str, Path]:
    domain, _ = list_shards(config)[shard]
    return {} if domain.file is None else {"openings": domain.file}


STAGE = Stage(
    name="contexts",
    version=3,
    counted="sentences",
    make=make,
    inputs=(),
    settings=_list_settings,
    models=("teacher",),
    files=_list_files,
    libraries=OF_SPLITTING,
    content=lambda path: digest(read_openings(path)[0]),
)
