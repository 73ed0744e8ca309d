"""Sequential candidates: y after the same context as x, under the keywords of x.

Source: arXiv 2305.16635 v1, sequential generation with NeuroLogic decoding. Such a y says again
what x says and often in its words, so these pairs lean to the extractive side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from builder.config import CandidatesConfig
from builder.errors import ConfigError
from builder.models import LoadedModel

if TYPE_CHECKING:
    from builder.decoding.beam import Hypothesis
    from builder.decoding.constraints import Constraints
    from builder.decoding.neurologic import NeurologicDecoder


@dataclass(frozen=True, slots=True)
class Seed:
    """A sentence x and the prompt that it continued."""

    prompt: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Second:
    """What came of a seed: a text, or the reason why there is none.

    Attributes:
        logprob: sum over the tokens under the teacher at temperature 1, in nats.
        reason: no_keywords, impossible_keywords or unsatisfied_keywords; None when all is well.
    """

    text: str
    logprob: float
    tokens: int
    reason: str | None


def seconds(
    teacher: LoadedModel,
    settings: CandidatesConfig,
    seeds: Sequence[Seed],
    tick: Callable[[int], None],
) -> list[Second]:
    """Decode one sentence under the keywords of every seed, in the order of the seeds."""
    from builder.decoding.constraints import Constraints
    from builder.decoding.keywords import extractor
    from builder.decoding.neurologic import NeurologicDecoder
    from builder.decoding.neurologic_settings import NeurologicConfig

    wanted = settings.sequential
    search = NeurologicConfig(
        beams=wanted.beams,
        max_new_tokens=wanted.max_new_tokens,
        no_repeat_ngram=settings.sampling.no_repeat_ngram,
        alpha=wanted.alpha,
        banned=settings.sampling.banned,
    )
    finder = extractor(wanted.extractor, wanted.keywords, wanted.order)
    found: list[Second | None] = [None] * len(seeds)
    demanded: dict[int, Constraints] = {}
    for place, seed in enumerate(seeds):
        words = finder.keywords(seed.sentence)
        try:
            if words:
                demanded[place] = Constraints.from_keywords(words, teacher.tokenizer)
        except ConfigError:
            found[place] = Second("", 0.0, 0, "impossible_keywords")
            continue
        if not words:
            found[place] = Second("", 0.0, 0, "no_keywords")
    decoder = NeurologicDecoder(teacher.model, teacher.tokenizer, search)
    places = list(demanded)
    prompts = [seeds[place].prompt for place in places]
    hypotheses = _decoded(decoder, prompts, [demanded[place] for place in places], tick)
    for place, best in zip(places, hypotheses, strict=True):
        if best is None:
            found[place] = Second("", 0.0, 0, "impossible_keywords")
        else:
            whole = best.finished and best.satisfied == best.clauses
            reason = None if whole else "unsatisfied_keywords"
            found[place] = Second(best.text, best.logprob, len(best.tokens), reason)
    return [second for second in found if second is not None]


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
