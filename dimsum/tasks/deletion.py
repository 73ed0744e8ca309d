"""Compression by deletion: the target is the source without some of its words, in their order.

The task of Knight and Marcu (2000), "Statistics-based summarization: step one, sentence
compression". What is left must still be a sentence that the source entails.
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

LEAST = 0.2
"""A target keeps at least this share of its source's characters."""
HARD_BELOW = 0.6
"""Deletion is hard where the target keeps less than this share of its source's characters."""


def rate_of(pair: Wording) -> str | None:
    """hard or light; None for an empty target, or one from which nothing was deleted."""
    if not pair.target or pair.compression >= 1:
        return None
    return "hard" if pair.compression < HARD_BELOW else "light"


def code_of(pair: Wording) -> str:
    """The control code; a target that keeps all is light."""
    return f"{rate_of(pair) or 'light'}-deletion"


def _make_code(rate: str) -> ControlCode:
    share = {"hard": "under three fifths", "light": "three fifths or more"}[rate]
    amount = {"hard": "many words", "light": "few words"}[rate]
    return ControlCode(
        name=f"{rate}-deletion",
        meaning=f"the sentence with words deleted, {share} of the characters being left",
        instruction=f"Delete {amount} of the sentence and change none.",
        options={"rate": rate},
        compression={"hard": (LEAST, HARD_BELOW), "light": (HARD_BELOW, 1.0)}[rate],
    )


DELETION = TaskDefinition(
    name="deletion",
    noun="compression by deletion",
    plural="compressions by deletion",
    verb="delete words of",
    verbs="deletes words of",
    meaning="The target is the source without some of its words, and follows from it",
    measures=("copying", "words", "roles", "claims", "form", "lost"),
    bounds={
        "compression": {"min": LEAST, "max": 0.9},
        "copied_in_order": {"min": 1},
        "new_words": {"max": 0},
    },
    rules={
        "compression": {"min": LEAST, "max": 0.85},
        # Every word of the target is one of the source, in its order.
        "copied_in_order": {"min": 1},
        "new_words": {"max": 0},
        # What may go is a part of equal rank or an aside; the rest makes another claim.
        "lost_restrictions": {"max": 0},
        "lost_arguments": {"max": 0},
        "lost_heads": {"max": 0},
        "new_roles": {"max": 0},
        "negation_alike": {"min": 1},
        "quantities_backward": {"min": 1},
        "reporting_backward": {"min": 1},
        "source_faults": {"max": 0},
        "target_faults": {"max": 0},
        "entail_forward": {"min": 0.9},
    },
    directions=("forward",),
    codes=(_make_code("hard"), _make_code("light")),
    code_of=code_of,
    options=(Option("rate", ("hard", "light"), rate_of),),
    instruction="Delete words of the sentence and change none.",
    hub=HubWords(
        category="summarization",
        pipeline="summarization",
        data_tag="sentence-compression",
        model_tag="sentence-compression",
    ),
    colours=("#7a4ea3", "#bd9be0"),
    repeats="control",
    question=("concise", "Concise", "Is all that could go deleted, and nothing else?"),
    guide="A **compression by deletion** should be its source without some of its words, the "
    "others being as they were and in their order. It is valid if what is left follows from the "
    "source, is a whole sentence and keeps what the source is about.",
    asked={"valid": "for a compression by deletion, if no word is new and none has moved"},
    known=(
        KnownPair(
            "The old mill by the river, which had stood empty for years, collapsed on Sunday "
            "night.",
            "The old mill by the river collapsed on Sunday night.",
        ),
        KnownPair(
            "The workers of the harbour went back to work on Monday morning and unloaded two "
            "ships.",
            "The workers of the harbour went back to work on Monday morning.",
        ),
        KnownPair(
            "The singer, a native of the island, gave a concert on the beach.",
            "The singer gave a concert on the beach.",
        ),
        KnownPair(
            "The concert hall, which seats 900 people, was sold out on both evenings.",
            "The concert hall was sold out on both evenings.",
        ),
        KnownPair(
            "The hospital has not opened its new wing yet, the manager said.",
            "The hospital has opened its new wing.",
            faithful=False,
            main_point=False,
            valid=False,
        ),
        KnownPair(
            "The police found the boat that the thieves had left near the bridge.",
            "The police found the thieves near the bridge.",
            faithful=False,
            main_point=False,
            valid=False,
        ),
        KnownPair(
            "The council wants to build a playground behind the church, although the ground there "
            "is wet.",
            "Behind the although is wet.",
            faithful=False,
            fluent=False,
            main_point=False,
            valid=False,
        ),
        KnownPair(
            "The train to the coast was cancelled because a signal had failed, and some "
            "passengers drank tea.",
            "Some passengers drank tea.",
            main_point=False,
            valid=False,
        ),
    ),
    columns=("compression",),
    benchmarks={
        "google-deletion": Benchmark(
            "embedding-data/sentence-compression", "set.0", "set.1", split="train"
        ),
    },
)
