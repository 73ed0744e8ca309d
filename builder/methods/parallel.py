"""parallel: next sentences sampled freely, each apart from the others.

Source: arXiv 2305.16635 v4, section 3.1.
"""

from __future__ import annotations

from typing import Literal

from builder.decoding.settings import TeacherSampling
from builder.methods.base import Draw, Method, MethodSettings, Request
from builder.sampling import sample_each, sampler


class ParallelSettings(TeacherSampling, MethodSettings):
    """Free sampling: every candidate continues the context alone."""

    kind: Literal["parallel"] = "parallel"


def draw(settings: ParallelSettings, request: Request) -> list[Draw]:
    """Sample `count` continuations of every context, up to the end of their first sentence."""
    nucleus = sampler(request.teacher, settings, "sentence")
    found, faults = sample_each(nucleus, request.prompts, request.count, request.seed, request.tick)
    draws = [
        Draw(one.prompt, one.text, one.logprob, len(one.tokens), one.finish == "length")
        for one in found
    ]
    for context, reason in faults.items():
        draws += [Draw(context, reason=reason)] * request.count
    return draws


METHOD = Method(
    name="parallel",
    settings=ParallelSettings,
    draw=draw,
    describe=lambda s: f"temperature {s.temperature:g}, nucleus {s.top_p:g}",
)
