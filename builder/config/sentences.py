"""What the teacher writes: how texts begin, contexts, and candidates for their next sentence."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise
from typing import Literal

from pydantic import Field, model_validator

from builder.decoding.settings import TeacherSampling
from builder.methods.registry import METHODS, AnyMethod
from dimsum.settings import PathInFile, Settings


class DomainConfig(Settings):
    """How a domain opens a text: a built-in kind, or a file with one opening a line."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="enters ids and the card")
    kind: Literal["news", "reddit", "biomedical", "beginnings", "subjects", "file"] = Field(
        "news",
        description="datelines, subreddits, sections of papers, first words of sentences from the "
        "news or on why things are good or bad, or lines of a file",
    )
    file: PathInFile | None = Field(
        None, description="for kind file: UTF-8 text, one opening a line"
    )
    strip_opening: bool = Field(
        True,
        description="leave the opening, which the teacher sees, out of the stored context",
    )
    forbidden: tuple[str, ...] = Field((), description="a sentence holding one of these is dropped")

    @model_validator(mode="after")
    def _file_given(self) -> DomainConfig:
        if (self.kind == "file") != (self.file is not None):
            raise ValueError("a file goes with kind: file, and kind: file needs one")
        return self


class ContextsConfig(Settings):
    """Contexts: the first sentences of free continuations of an opening."""

    openings: int = Field(ge=1, description="openings drawn for each domain")
    samples: int = Field(ge=1, description="continuations of each opening (paper: 100)")
    sampling: TeacherSampling
    min_sentences: int = Field(1, ge=1, description="sentences in a context, at least")
    max_sentences: int = Field(5, ge=1, description="and at most")
    per_continuation: int | None = Field(
        None, ge=1, description="contexts kept of one continuation; empty: all of them"
    )
    max_characters: int = Field(1000, ge=20, description="longer contexts are dropped")
    shard: int = Field(8, ge=1, description="openings in one unit of work")

    @model_validator(mode="after")
    def _ordered(self) -> ContextsConfig:
        if self.min_sentences > self.max_sentences:
            raise ValueError("min_sentences is above max_sentences")
        return self


class CandidatesConfig(Settings):
    """Next sentences of each context."""

    samples: int = Field(
        ge=0, description="for each context (paper: 100); 0 where no method takes a share"
    )
    max_characters: int = Field(400, ge=10, description="longer sentences are dropped")
    methods: tuple[AnyMethod, ...] = Field(
        min_length=1,
        description="how they are drawn, one after the other; shares make 1, "
        "or 0 where all find and none samples",
    )

    @model_validator(mode="after")
    def _shared_out(self) -> CandidatesConfig:
        total = math.fsum(method.share for method in self.methods)
        if total and not math.isclose(total, 1):
            raise ValueError(f"the shares of methods make {total:g}, not 1")
        if total and self.samples < 2:
            raise ValueError(f"samples is {self.samples}, less than 2")
        if not total and self.samples:
            raise ValueError(f"no method takes a share of the {self.samples} samples")
        for method, count in zip(self.methods, self.counts, strict=True):
            if method.share and not count:
                raise ValueError(f"the share {method.share:g} of {self.samples} samples is none")
        first = self.methods[0].kind
        if METHODS.find(first).needs_earlier:
            raise ValueError(f"{first} needs earlier sentences, so it cannot be the first method")
        return self

    @property
    def counts(self) -> list[int]:
        """Samples of each method; together they are `samples`."""
        shares = accumulate(method.share for method in self.methods)
        ends = [round(self.samples * share) for share in shares]
        return [end - start for start, end in pairwise([0, *ends])]
