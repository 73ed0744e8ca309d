"""sequential: y after the same context as x, decoded under the keywords of x.

Source: arXiv 2305.16635 v1, sequential generation with NeuroLogic decoding. Such a y says again
what x says and often in its words, so these pairs lean to the extractive side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from builder.decoding.neurologic_settings import NeurologicConfig
from builder.decoding.settings import Text
from builder.errors import ConfigError
from builder.methods.base import Draw, Method, MethodSettings, Request

if TYPE_CHECKING:
    from builder.decoding.beam import Hypothesis
    from builder.decoding.constraints import Constraints
    from builder.decoding.neurologic import NeurologicDecoder


class SequentialSettings(NeurologicConfig, MethodSettings):
    """Decoding under the keywords of a sentence that another method gave before."""

    kind: Literal["sequential"] = "sequential"
    keywords: int = Field(3, ge=1, le=8, description="clauses drawn from the earlier sentence")
    extractor: Literal["yake", "content", "similarity"] = Field(
        "yake", description="where keywords come from"
    )
    max_new_tokens: int = Field(40, ge=8, description="of a sentence")
    banned: tuple[Text, ...] = Field(("\n",), description="texts that are never written")
    order: Literal["salience", "text"] = Field("salience", description="of the keywords")


def draw(settings: SequentialSettings, request: Request) -> list[Draw]:
    """One constrained sentence for each of the first `count` earlier ones of every context."""
    seeds = [
        (context, sentence)
        for context, sentences in enumerate(request.earlier)
        for sentence in sentences[: request.count]
    ]
    draws = rewritten(settings, request, seeds)
    for context, sentences in enumerate(request.earlier):
        missing = request.count - min(request.count, len(sentences))
        draws += [Draw(context, reason="no_first_sentence")] * missing
    return draws


def rewritten(
    settings: SequentialSettings, request: Request, seeds: Sequence[tuple[int, str]]
) -> list[Draw]:
    """Decode one sentence under the keywords of every (context, sentence), in their order."""
    from builder.decoding.constraints import Constraints
    from builder.decoding.keywords import extractor
    from builder.decoding.neurologic import NeurologicDecoder

    teacher = request.teacher
    finder = extractor(settings.extractor, settings.keywords, settings.order)
    found: dict[int, Draw] = {}
    demanded: dict[int, Constraints] = {}
    for place, (context, sentence) in enumerate(seeds):
        words = finder.keywords(sentence)
        if not words:
            found[place] = Draw(context, reason="no_keywords")
            continue
        try:
            demanded[place] = Constraints.from_keywords(words, teacher.tokenizer)
        except ConfigError:
            found[place] = Draw(context, reason="impossible_keywords")
    decoder = NeurologicDecoder(teacher.model, teacher.tokenizer, settings)
    prompts = [request.prompts[seeds[place][0]] for place in demanded]
    hypotheses = _decoded(decoder, prompts, list(demanded.values()), request.tick)
    for place, best in zip(demanded, hypotheses, strict=True):
        context = seeds[place][0]
        if best is None:
            found[place] = Draw(context, reason="impossible_keywords")
        else:
            whole = best.finished and best.satisfied == best.clauses
            reason = None if whole else "unsatisfied_keywords"
            found[place] = Draw(context, best.text, best.logprob, len(best.tokens), reason=reason)
    return [found[place] for place in range(len(seeds))]


def _decoded(
    decoder: NeurologicDecoder,
    prompts: list[str],
    constraints: list[Constraints],
    tick: Callable[[int], None],
) -> list[Hypothesis | None]:
    """The best hypothesis of each; None where its keywords contradict a ban or each other."""
    try:
        return [best[0] for best in decoder.decode(prompts, constraints, on_tokens=tick)]
    except ConfigError:
        if len(prompts) == 1:
            return [None]
        middle = len(prompts) // 2
        return [
            *_decoded(decoder, prompts[:middle], constraints[:middle], tick),
            *_decoded(decoder, prompts[middle:], constraints[middle:], tick),
        ]


METHOD = Method(
    name="sequential",
    settings=SequentialSettings,
    draw=draw,
    describe=lambda s: f"{s.keywords} keywords, {s.beams} beams",
    needs_earlier=True,
)
