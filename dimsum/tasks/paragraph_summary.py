"""Paragraph summary: one sentence for the point of two to four.

The source is a context, which is several sentences of a continuation; the target is one of the
sentences that continue it.
"""

from __future__ import annotations

from dimsum.tasks.base import (
    Benchmark,
    ControlCode,
    HubWords,
    Option,
    TaskDefinition,
    Wording,
)
from dimsum.tasks.summary import style_of

INSTRUCTION = "Write one sentence that sums up the paragraph."


def code_of(pair: Wording) -> str:
    """The control code; an empty target is abstractive."""
    return f"paragraph-{style_of(pair) or 'abstractive'}"


def _code(style: str) -> ControlCode:
    words = {"abstractive": "in new words", "extractive": "in the paragraph's words"}[style]
    line = {"abstractive": "in new words", "extractive": "in its own words"}[style]
    return ControlCode(
        name=f"paragraph-{style}",
        meaning=f"one sentence for a paragraph, {words}",
        instruction=f"Write one sentence that sums up the paragraph {line}.",
        options={"style": style},
    )


PARAGRAPH_SUMMARY = TaskDefinition(
    name="paragraph_summary",
    noun="paragraph summary",
    plural="paragraph summaries",
    verb="sum up",
    verbs="sums up",
    meaning="The target is one sentence that states the point of a source of two to four sentences",
    source="the input paragraph",
    takes="context",
    reads=("paragraph", "{} paragraphs of two to four sentences"),
    measures=("passage", "copying", "words", "claims", "form"),
    bounds={
        "source_sentences": {"min": 2, "max": 4},
        "target_sentences": {"max": 1},
        "compression": {"min": 0.1, "max": 0.7},
        "numbers_forward": {"min": 1},
        "names_forward": {"min": 1},
        "cosine": {"min": 0.5},
        "points_back": {"max": 0},
        "source_faults": {"max": 0},
        "target_faults": {"max": 0},
    },
    rules={
        "source_sentences": {"min": 2, "max": 4},
        "target_sentences": {"max": 1},
        "compression": {"min": 0.1, "max": 0.7},
        "numbers_forward": {"min": 1},
        "names_forward": {"min": 1},
        # The point of a paragraph is what its sentences share: the sentence nearest to the whole
        # (Radev et al., 2004, "Centroid-based summarization of multiple documents").
        "cosine": {"min": 0.6},
        "sentences_touched": {"min": 0.5},
        "points_back": {"max": 0},
        "new_words": {"max": 0.35},
        "source_faults": {"max": 0},
        "target_faults": {"max": 0},
        "entail_forward": {"min": 0.9},
    },
    directions=("forward",),
    codes=(_code("abstractive"), _code("extractive")),
    code_of=code_of,
    options=(Option("style", ("abstractive", "extractive"), style_of),),
    instruction=INSTRUCTION,
    hub=HubWords(
        category="summarization",
        pipeline="summarization",
        data_tag="summarization",
        model_tag="summarization",
    ),
    colours=("#a8324a", "#e58a9b"),
    repeats="control",
    question=("concise", "Concise", "Does it say the main point and nothing that could go?"),
    example="The council voted late on Tuesday to close the old bridge to lorries. Engineers had "
    "found cracks in two of its pillars. Lorries will have to cross the river at the new bridge.",
    guide="A **paragraph summary** should be one sentence that states what the paragraph is "
    "about. It is not valid if it states a side remark of one sentence, or only what the paragraph "
    "begins with while its point comes later.",
    columns=("summary",),
    benchmarks={"xsum-paragraphs": Benchmark("EdinburghNLP/xsum", "document", "summary")},
)
