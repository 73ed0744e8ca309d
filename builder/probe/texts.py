"""Contexts that grow (the first one, two, ... five sentences of the same texts), and what follows.

Every length of context is then measured on the same documents, and a difference between lengths
is not one between documents.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.config import DomainConfig
from builder.decoding.nucleus import NucleusSampler, Sample, SamplingConfig
from builder.domains import openings
from builder.errors import BuilderError, ConfigError
from builder.models import LoadedModel
from builder.probe.settings import LENGTHS, ProbeSettings
from builder.sentences import find_fault, split, tidy
from builder.store import seed_of
from dimsum.data.files import lines_in

Document = tuple[str, ...]
"""The first sentences of a text, as many as the longest context has; a text's opening stands
before its first sentence."""

MOST_CHARACTERS = 400
CONTINUATION_TOKENS = 160
ROUNDS = 12


@dataclass(frozen=True, slots=True)
class NextSentences:
    """The next sentences of one context at one temperature.

    Attributes:
        document: ordinal of its text.
        length: sentences in the context.
        drawn: whole sentences that were drawn, repeats included.
        sentences: the distinct ones, in the order of their first draw.
    """

    document: int
    length: int
    temperature: float
    drawn: int
    sentences: tuple[str, ...]


def from_file(path: Path, settings: ProbeSettings) -> list[Document]:
    """Texts of the user's own, one a line; those with too few sentences are left out.

    Raises:
        UsageError: the file cannot be read.
        ConfigError: it holds too few texts.
    """
    lines = [line.strip() for line in lines_in(path) if line.strip()]
    random.Random(settings.seed).shuffle(lines)
    found = [one for line in split(lines) if (one := _document("", line)) is not None]
    if len(found) < 2:
        raise ConfigError(
            f"{path} has {len(found)} texts of {max(LENGTHS)} sentences; at least 2 are needed",
            hint="one text a line, each of several whole sentences",
        )
    return found[: settings.documents]


def from_teacher(
    teacher: LoadedModel, domain: DomainConfig, settings: ProbeSettings
) -> list[Document]:
    """Free continuations of a domain's openings at temperature 1, until there are enough.

    Raises:
        BuilderError: the teacher hardly ever writes so many whole sentences.
    """
    how = SamplingConfig(
        temperature=1.0,
        top_p=settings.top_p,
        max_new_tokens=CONTINUATION_TOKENS,
        banned=("\n",),
        stop="length",
    )
    rng = random.Random(settings.seed)
    offer = openings(domain)
    found: list[Document] = []
    for number in range(ROUNDS):
        prompts = [offer.draw(rng) for _ in range(settings.documents)]
        seed = seed_of(settings.seed, "documents", number)
        for sample, sentences in _sample(teacher, prompts, how, 1, seed):
            whole = sentences[:-1] if sample.finish == "length" else sentences
            document = _document(prompts[sample.prompt], whole)
            if document is not None:
                found.append(document)
        if len(found) >= settings.documents:
            return found[: settings.documents]
    raise BuilderError(
        f"the teacher wrote {len(found)} texts of {max(LENGTHS)} whole sentences in "
        f"{ROUNDS * settings.documents} attempts",
        hint="ask for fewer documents, or give texts of your own with --contexts",
    )


def draw_next(
    teacher: LoadedModel,
    documents: Sequence[Document],
    temperature: float,
    settings: ProbeSettings,
) -> list[NextSentences]:
    """Draw after every context; a draw that is no whole sentence is dropped."""
    contexts = [(number, length) for number in range(len(documents)) for length in LENGTHS]
    prompts = [context_of(documents[number], length) for number, length in contexts]
    how = SamplingConfig(
        temperature=temperature,
        top_p=settings.top_p,
        max_new_tokens=settings.max_new_tokens,
        no_repeat_ngram=3,
        banned=("\n",),
    )
    seed = seed_of(settings.seed, "next", f"{temperature:g}")
    whole: list[list[str]] = [[] for _ in contexts]
    for sample, sentences in _sample(teacher, prompts, how, settings.samples, seed):
        cut = sample.finish == "length" and len(sentences) < 2
        if sentences and not cut and find_fault(sentences[0], MOST_CHARACTERS) is None:
            whole[sample.prompt].append(sentences[0])
    return [
        NextSentences(number, length, temperature, len(some), tuple(dict.fromkeys(some)))
        for (number, length), some in zip(contexts, whole, strict=True)
    ]


def context_of(document: Document, length: int) -> str:
    """The context of so many sentences."""
    return " ".join(document[:length])


def _sample(
    teacher: LoadedModel, prompts: list[str], how: SamplingConfig, count: int, seed: int
) -> Iterator[tuple[Sample, list[str]]]:
    """So many samples of each prompt, each with its sentences."""
    sampler = NucleusSampler(teacher.model, teacher.tokenizer, how)
    samples = sampler.sample(prompts, count, seed=seed)
    yield from zip(samples, split(tidy(sample.text) for sample in samples), strict=True)


def _document(opening: str, sentences: Sequence[str]) -> Document | None:
    """The first sentences, or None when one of them is not whole."""
    first = sentences[: max(LENGTHS)]
    if len(first) < max(LENGTHS) or any(find_fault(one, MOST_CHARACTERS) for one in first):
        return None
    return (f"{opening} {first[0]}".strip(), *first[1:])
