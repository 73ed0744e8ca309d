"""Summary: the target states the main point of the source in fewer words.

Its control codes say how much a target shortens its source, and how freely it words it. Source:
arXiv 2305.16635 v1 and the code of that time.
"""

from __future__ import annotations

from dimsum.tasks.base import (
    Benchmark,
    ControlCode,
    HubWords,
    KnownPair,
    Option,
    TaskDefinition,
    TeacherPrompts,
    Wording,
)

LEAST = 0.1
"""A summary has at least this share of its source's characters."""
SHORT_BELOW = 0.5
"""A summary with fewer than this share of its source's characters is short."""
LONG_BELOW = 0.8
"""From this share of its source's characters on, a target is no summary any more."""
EXTRACTIVE_FROM = 0.6
"""A summary is extractive from this value of max(density per character, ROUGE-L) on."""


def code_of(pair: Wording) -> str:
    """The control code of a summary; one that is hardly shorter than its source is long."""
    length = "short" if pair.compression < SHORT_BELOW else "long"
    return f"{length}-{'extractive' if is_extractive(pair) else 'abstractive'}"


def is_extractive(pair: Wording) -> bool:
    """Whether the target is worded as its source is."""
    return max(pair.density_per_character, pair.rouge_l) >= EXTRACTIVE_FROM


def length_of(pair: Wording) -> str | None:
    """short, long, or None for a target that is no summary (empty, or hardly shorter)."""
    if not pair.target or pair.compression >= LONG_BELOW:
        return None
    return "short" if pair.compression < SHORT_BELOW else "long"


def style_of(pair: Wording) -> str | None:
    """abstractive or extractive; None for an empty target."""
    if not pair.target:
        return None
    return "extractive" if is_extractive(pair) else "abstractive"


def _make_code(length: str, style: str) -> ControlCode:
    share = {"short": "under half", "long": "half to four fifths"}[length]
    words = {"abstractive": "in new words", "extractive": "in the source's words"}[style]
    line = {"abstractive": "in new words", "extractive": "in its own words"}[style]
    return ControlCode(
        name=f"{length}-{style}",
        meaning=f"a summary of {share} of the characters, {words}",
        instruction=f"Write a {length} summary of the sentence {line}.",
        options={"length": length, "style": style},
        compression={"short": (LEAST, SHORT_BELOW), "long": (SHORT_BELOW, LONG_BELOW)}[length],
    )


SUMMARY = TaskDefinition(
    name="summary",
    noun="summary",
    plural="summaries",
    verb="shorten",
    verbs="shortens",
    meaning="The target states the main point of the source in fewer words",
    bounds={"compression": {"min": LEAST, "max": 0.85}},
    rules={
        "compression": {"min": LEAST, "max": LONG_BELOW},
        "numbers_forward": {"min": 1},
        "entail_forward": {"min": 0.75},
    },
    directions=("forward",),
    codes=tuple(
        _make_code(length, style)
        for length in ("short", "long")
        for style in ("abstractive", "extractive")
    ),
    code_of=code_of,
    options=(
        Option("length", ("short", "long"), length_of),
        Option("style", ("abstractive", "extractive"), style_of),
    ),
    instruction="Write a summary of the sentence.",
    hub=HubWords(
        category="summarization",
        pipeline="summarization",
        data_tag="sentence-summarization",
        model_tag="summarization",
    ),
    colours=("#c4561b", "#f2995a"),
    unlabelled=(0.0, LONG_BELOW),
    question=("concise", "Concise", "Does it say the main point and nothing that could go?"),
    guide="A **summary** should state the main point of its source in fewer words.",
    asked={
        "main_point": "In a summary: not a side remark, and not what is left when the point is "
        'gone ("They are not only a club" for "They are not only a club, they are a family").',
    },
    known=(
        KnownPair(
            "The old bridge over the canal, which had been closed for repairs since last spring, "
            "was opened again on Friday.",
            "The old bridge over the canal was opened again on Friday.",
        ),
        KnownPair(
            "The library said on Tuesday that it will stay open until ten in the evening from the "
            "beginning of next month.",
            "The library said that it will stay open until ten from next month.",
        ),
        KnownPair(
            "Because of the heavy rain, the match between the two school teams was moved to the "
            "following Saturday.",
            "The match was moved to the following Saturday because of the rain.",
        ),
        KnownPair(
            "The bakery, a small shop near the station, sold all of its bread before eight in the "
            "morning.",
            "The bakery sold all of its bread before eight.",
        ),
        KnownPair(
            "The mayor said that the new school may be built in the north of the town if the "
            "council agrees.",
            "The new school will be built in the north of the town.",
            faithful=False,
            valid=False,
        ),
        KnownPair(
            "The company sold 40 lorries to a firm in the south, which is half of what it had "
            "hoped for.",
            "The company sold 80 lorries to a firm in the south.",
            faithful=False,
            valid=False,
        ),
        KnownPair(
            "The museum will show the paintings in the autumn, the director told a local "
            "newspaper.",
            "The museum will sell the paintings in the autumn.",
            faithful=False,
            main_point=False,
            valid=False,
        ),
        KnownPair(
            'He said, "The harbour is safe again, and the boats can go out tomorrow."',
            '"The harbour is safe again, and the',
            faithful=False,
            fluent=False,
            main_point=False,
            valid=False,
        ),
        KnownPair(
            "The team trained for months and won the final, although two of its best players were "
            "missing.",
            "Two of its best players were.",
            faithful=False,
            fluent=False,
            main_point=False,
            valid=False,
        ),
    ),
    columns=("summary",),
    benchmarks={
        "gigaword": Benchmark("Harvard/gigaword", "document", "summary"),
        "google-compression": Benchmark(
            "embedding-data/sentence-compression", "set.0", "set.1", split="train"
        ),
        "scitldr": Benchmark("allenai/scitldr", "source", "target", config="Abstract"),
        "xsum": Benchmark("EdinburghNLP/xsum", "document", "summary"),
    },
    teacher=TeacherPrompts(
        questions=(
            ("Summarize the sentence in a few words.\nSentence: {source}", "Summary:"),
            ("Shorten the sentence. Keep only its main point.\nSentence: {source}", "Shorter:"),
            ("{source}", "TL;DR:"),
        ),
        exemplars=(
            (
                "The city council voted late on Tuesday to close the old bridge to lorries after "
                "engineers found cracks in two of its pillars.",
                "The council closed the old bridge to lorries because of cracks.",
            ),
            (
                "Heavy snow, which fell through the night across most of the north, left more than "
                "3,000 homes without power.",
                "Snow left 3,000 homes without power.",
            ),
            (
                "The company, which makes parts for bicycles and employs about 400 people, said "
                "that it would open a second factory next spring.",
                "The bicycle parts maker will open a second factory.",
            ),
            (
                "A retired teacher who had bought a single ticket at her local shop won the "
                "largest prize in the history of the lottery.",
                "A retired teacher won the lottery's largest prize.",
            ),
        ),
    ),
)
