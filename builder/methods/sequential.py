"""sequential: y after the same context as x, decoded under the keywords of x.

Source: arXiv 2305.16635 v1, sequential generation with NeuroLogic decoding. Such a y says again
what x says and often in its words, so these pairs lean to the extractive side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from builder.decoding.neurologic_settings import NeurologicConfig
from builder.decoding.settings import Text
from builder.errors import ConfigError
from builder.methods.base import Draw, Method, MethodSettings, Request
from dimsum.sampling import MaxNewTokens

if TYPE_CHECKING:
    from builder.decoding.beam import Hypothesis
    from builder.decoding.constraints import Constraints
    from builder.decoding.neurologic import NeurologicDecoder


class SequentialSettings(NeurologicConfig, MethodSettings):
    """Decoding under the keywords of a sentence that another method gave before."""

    kind: Literal["sequential"] = "sequential"
    keywords: int = Field(3, ge=1, le=8, description="clauses drawn from the earlier sentence")
    max_new_tokens: Annotated[MaxNewTokens, Field(ge=8)] = Field(40, description="of a sentence")
    banned: tuple[Text, ...] = Field(("\n",), description="texts that are never written")


def draw(settings: SequentialSettings, request: Request) -> list[Draw]:
    """One constrained sentence for each of the first `count` earlier ones of every context."""
    seeds = [
        (context, sentence)
        for context, sentences in enumerate(request.earlier)
        for sentence in sentences[: request.count]
    ]
    draws = rewrite(settings, request, seeds)
    for context, sentences in enumerate(request.earlier):
        missing = request.count - min(request.count, len(sentences))
        draws += [Draw(context, reason="no_first_sentence")] * missing
    return draws


def rewrite(
    settings: SequentialSettings, request: Request, seeds: Sequence[tuple[int, str]]
) -> list[Draw]:
    """Decode one sentence under the keywords of every (context, sentence), in their order."""
    from builder.decoding.constraints import Constraints
    from builder.decoding.keywords import YakeKeywords
    from builder.decoding.neurologic import NeurologicDecoder

    teacher = request.loaded
    extractor = YakeKeywords(settings.keywords)
    found: dict[int, Draw] = {}
    demanded: dict[int, Constraints] = {}
    for number, (context, sentence) in enumerate(seeds):
        words = extractor.find(sentence)
        if not words:
            found[number] = Draw(context, reason="no_keywords")
            continue
        try:
            demanded[number] = Constraints.from_keywords(words, teacher.tokenizer)
        except ConfigError:
            found[number] = Draw(context, reason="impossible_keywords")
    decoder = NeurologicDecoder(teacher.model, teacher.tokenizer, settings)
    prompts = [request.prompts[seeds[number][0]] for number in demanded]
    hypotheses = _decode(decoder, prompts, list(demanded.values()), request.tick)
    for number, best in zip(demanded, hypotheses, strict=True):
        context = seeds[number][0]
        if best is None:
            found[number] = Draw(context, reason="impossible_keywords")
        else:
            reason = None if best.finished else "unsatisfied_keywords"
            found[number] = Draw(context, best.text, best.logprob, len(best.tokens), reason=reason)
    return [found[number] for number in range(len(seeds))]


def _decode(
    decoder: NeurologicDecoder,
    prompts: list[str],
    constraints: list[Constraints],
    tick: Callable[[int], None],
) -> list[Hypothesis | None]:
    """The hypothesis of each; None where keywords need a banned token or do not fit."""
    try:
        return [*decoder.decode(prompts, constraints, on_tokens=tick)]
    except ConfigError:
        if len(prompts) == 1:
            return [None]
        middle = len(prompts) // 2
        return [
            *_decode(decoder, prompts[:middle], constraints[:middle], tick),
            *_decode(decoder, prompts[middle:], constraints[middle:], tick),
        ]


METHOD = Method(
    name="sequential",
    settings=SequentialSettings,
    draw=draw,
    libraries=("yake",),
    describe=lambda s: f"{s.keywords} keywords, {s.beams} beams",
    needs_earlier=True,
)
