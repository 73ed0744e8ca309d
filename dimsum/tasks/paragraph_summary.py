"""Paragraph summary: one sentence for the point of two to four.

The source is a context, which is several sentences of a continuation; the target is one of them, or
a sentence that continues them.
"""

from __future__ import annotations

from dimsum.tasks.base import (
    Benchmark,
    ControlCode,
    HubWords,
    KnownPair,
    Option,
    TaskDefinition,
    Wording,
)
from dimsum.tasks.summary import style_of

INSTRUCTION = "Write one sentence that sums up the paragraph."


def code_of(pair: Wording) -> str:
    """The control code; an empty target is abstractive."""
    return f"paragraph-{style_of(pair) or 'abstractive'}"


def _make_code(style: str) -> ControlCode:
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
        "sentence_faults": {"max": 0},
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
        "sentences_touched": {"min": 0.6},
        # Behind a turn ("however") or an addition ("also") comes what the first sentence does not
        # say.
        "points_missed": {"max": 0},
        "points_back": {"max": 0},
        "new_words": {"max": 0.45},
        "sentence_faults": {"max": 0},
        "target_faults": {"max": 0},
        "target_repeats": {"max": 0.12},
        "entail_forward": {"min": 0.95},
    },
    directions=("forward",),
    codes=(_make_code("abstractive"), _make_code("extractive")),
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
    known=(
        KnownPair(
            "The bakery on the square has closed after ninety years. Its owner is too old to go "
            "on. Nobody in the family wanted to take it over.",
            "The bakery on the square has closed because nobody took it over from its old owner.",
        ),
        KnownPair(
            "Two lorries met on the bridge on Monday. One of them could not brake in time. The "
            "bridge was shut for six hours after the crash.",
            "The crash of two lorries shut the bridge for six hours on Monday.",
        ),
        KnownPair(
            "The village has had no doctor since the spring. People drive to the town for every "
            "visit. The council now offers a house to any doctor who comes.",
            "The council offers a house to a doctor who comes to the village, which has none.",
        ),
        KnownPair(
            "Rain has fallen for a week without a break. The river has left its bed. Many fields "
            "in the valley are under water.",
            "A week of rain has flooded many fields in the valley.",
        ),
        KnownPair(
            "The team won all of its games this year. Its coach came only in January. He had "
            "never coached before.",
            "The team lost all of its games this year.",
            faithful=False,
            main_point=False,
            valid=False,
        ),
        KnownPair(
            "The library will be rebuilt from next month on. All books go to the old school until "
            "then. A cat lives there.",
            "A cat lives in the old school.",
            main_point=False,
            valid=False,
        ),
        KnownPair(
            "The mayor opened the new pool on Friday. Children swim for nothing in the first "
            "week. The pool cost 2 million.",
            "The mayor opened the new, and children.",
            faithful=False,
            fluent=False,
            main_point=False,
            valid=False,
        ),
        KnownPair(
            "A storm took the roof off the church. Nobody was inside. The repairs may begin in "
            "May if there is money.",
            "The repairs of the church begin in May.",
            faithful=False,
            main_point=False,
            valid=False,
        ),
    ),
    columns=("summary",),
    benchmarks={"xsum-paragraphs": Benchmark("EdinburghNLP/xsum", "document", "summary")},
)
