"""Next sentences of every context at every temperature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from builder.decoding.nucleus import SamplingConfig
from builder.models import LoadedModel
from builder.probe.settings import LENGTHS, ProbeSettings
from builder.probe.texts import MOST_CHARACTERS, Document, context_of, sample_sentences
from builder.sentences import find_fault
from builder.store import seed_of


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
    for sample, sentences in sample_sentences(teacher, prompts, how, settings.samples, seed):
        cut = sample.finish == "length" and len(sentences) < 2
        if sentences and not cut and find_fault(sentences[0], MOST_CHARACTERS) is None:
            whole[sample.prompt].append(sentences[0])
    return [
        NextSentences(number, length, temperature, len(some), tuple(dict.fromkeys(some)))
        for (number, length), some in zip(contexts, whole, strict=True)
    ]
