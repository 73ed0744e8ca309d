"""parallel: next sentences sampled freely, each apart from the others.

Source: arXiv 2305.16635 v4, section 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from builder.decoding.settings import TeacherSampling
from builder.methods.base import Draw, Method, MethodSettings, Request
from builder.sampling import make_sampler, sample_each

if TYPE_CHECKING:
    from builder.decoding.nucleus import Sample

ENDING = "ending"
"""The method of a sentence that is the beginning of another one."""


class ParallelSettings(TeacherSampling, MethodSettings):
    """Free sampling: every candidate continues the context alone.

    With `endings`, a sentence also gives its beginnings after which the teacher would have ended
    it: they cost no further token, and the sentence is a source of which they may be a summary.
    """

    kind: Literal["parallel"] = "parallel"
    endings: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="least probability of a sentence mark where a sentence is also ended early",
    )


def draw(settings: ParallelSettings, request: Request) -> list[Draw]:
    """Sample `count` continuations of every context, up to the end of their first sentence."""
    nucleus = make_sampler(request.teacher, settings, "sentence", settings.endings)
    found, faults = sample_each(nucleus, request.prompts, request.count, request.seed, request.tick)
    draws = [
        Draw(one.prompt, one.text, one.logprob, len(one.tokens), one.finish == "length")
        for one in found
    ]
    for context, reason in faults.items():
        draws += [Draw(context, reason=reason)] * request.count
    return draws + _end_early(found)


def _end_early(samples: Sequence[Sample]) -> list[Draw]:
    """The beginnings of samples that would have been sentences, each text of a context once."""
    seen = {(one.prompt, one.text) for one in samples}
    draws = []
    for one in samples:
        for ending in one.endings:
            if (one.prompt, ending.text) not in seen:
                seen.add((one.prompt, ending.text))
                draws.append(Draw(one.prompt, ending.text, ending.logprob, method=ENDING))
    return draws


def _describe(settings: ParallelSettings) -> str:
    early = "" if settings.endings is None else f", ended early from {settings.endings:g}"
    return f"temperature {settings.temperature:g}, nucleus {settings.top_p:g}{early}"


METHOD = Method(
    name="parallel", settings=ParallelSettings, draw=draw, describe=_describe, needs_model=False
)
