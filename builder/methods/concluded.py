"""concluded: what the teacher says after a cue such as "In short,", for tasks that sum up.

A sentence that is sampled freely goes on from its context. After such a cue the teacher looks back
instead, and what follows is mostly about the whole of what it has read. The cue is a part of the
prompt and not of the candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from builder.decoding.settings import TeacherSampling
from builder.methods.base import Draw, Method, MethodSettings, Request
from builder.reordering import raise_first
from builder.sampling import make_sampler, sample_each
from builder.sentences import tidy

Cue = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class ConcludedSettings(TeacherSampling, MethodSettings):
    """Free sampling after words that announce a conclusion, each of them in turn."""

    kind: Literal["concluded"] = "concluded"
    cues: tuple[Cue, ...] = Field(
        ("In short,", "Overall,", "To sum up,"),
        min_length=1,
        description="what the context is followed by before the teacher goes on; no candidate "
        "holds it",
    )


def draw(settings: ConcludedSettings, request: Request) -> Sequence[Draw]:
    """Sample `count` conclusions of every context, or more where the cues do not divide it.

    A draw's probability is the one that it has behind its cue.
    """
    nucleus = make_sampler(request.teacher, settings, "sentence")
    cues = len(settings.cues)
    prompts = [f"{prompt} {cue}" for prompt, cue in product(request.prompts, settings.cues)]
    each = -(-request.count // cues)
    found, faults = sample_each(nucleus, prompts, each, request.seed, request.tick)
    draws = [
        Draw(
            one.prompt // cues,
            raise_first(tidy(one.text)),
            one.logprob,
            len(one.tokens),
            one.finish == "length",
        )
        for one in found
    ]
    for prompt, reason in faults.items():
        draws += [Draw(prompt // cues, reason=reason)] * each
    return draws


def _describe(settings: ConcludedSettings) -> str:
    cues = ", ".join(f'"{cue}"' for cue in settings.cues)
    return f"after {cues}: temperature {settings.temperature:g}, nucleus {settings.top_p:g}"


METHOD = Method(
    name="concluded",
    settings=ConcludedSettings,
    draw=draw,
    describe=_describe,
    needs_model=False,
)
