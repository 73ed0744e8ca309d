"""Simplification: the target says what the source says in easier words.

Easier is measured: by the frequency of words, the rarest among them, the depth of the dependency
tree and the number of words. None may be worse but by a word, and words must have given way to
commoner ones: a target that only leaves words out is a compression, however easy what is left.
"""

from __future__ import annotations

from dimsum.tasks.base import ControlCode, HubWords, KnownPair, TaskDefinition

INSTRUCTION = "Write the sentence in easier words."

SIMPLIFICATION = TaskDefinition(
    name="simplification",
    noun="simplification",
    plural="simplifications",
    verb="simplify",
    verbs="simplifies",
    meaning="The target says the same as the source in easier words",
    measures=("words", "claims", "form", "lost", "ease"),
    bounds={
        "compression": {"min": 0.3, "max": 1.1},
        "rarest_gain": {"min": 0.0},
        "mean_gain": {"min": 0.0},
        "exchanged_gain": {"min": 0.4},
        "words_change": {"max": 1},
    },
    rules={
        "compression": {"min": 0.3, "max": 1.1},
        "numbers_forward": {"min": 1},
        "names_forward": {"min": 1},
        "rarest_gain": {"min": 0.0},
        "mean_gain": {"min": 0.02},
        # A word two and a half times as common, in the mean of those exchanged.
        "exchanged_gain": {"min": 0.4},
        "depth_change": {"max": 0},
        "words_change": {"max": 1},  # "house" for "edifice", but also "pulled down"
        "negation_alike": {"min": 1},
        "source_faults": {"max": 0},
        "target_faults": {"max": 0},
        "entail_forward": {"min": 0.9},
        # What is exchanged is lost, so what else is lost only a critic can tell.
        "entail_backward": {"min": 0.8},
    },
    directions=("forward", "backward"),
    codes=(ControlCode("simplification", "the same in easier words", INSTRUCTION),),
    instruction=INSTRUCTION,
    hub=HubWords(
        category="text-generation",
        pipeline="text-generation",
        data_tag="text-simplification",
        model_tag="text-simplification",
    ),
    colours=("#2f7d4f", "#79c998"),
    question=("simple", "Simple", "Is it easier to read than the source?"),
    guide="A **simplification** should be easier to read than its source (commoner words, shorter "
    "or fewer clauses) and say what the source says. It may leave out what is beside the point; to "
    "leave out alone is no simplification. It is valid if it is faithful, fluent, keeps the main "
    "point and is easier.",
    asked={"valid": "for a simplification, if it is easier to read than its source"},
    known=(
        KnownPair(
            "The residents were evacuated from their dwellings owing to the inundation.",
            "People were taken out of their homes because of the flood.",
        ),
        KnownPair(
            "The committee postponed its deliberations until the subsequent week.",
            "The group put off its talks until the next week.",
        ),
        KnownPair(
            "The physician advised him to abstain from alcohol.",
            "The doctor told him not to drink alcohol.",
        ),
        KnownPair(
            "The factory ceased production following the conflagration.",
            "The factory stopped work after the fire.",
        ),
        KnownPair(
            "The tenants were unable to remunerate the proprietor.",
            "The tenants were able to pay the owner.",
            faithful=False,
            main_point=False,
            valid=False,
        ),
        KnownPair(
            "The shop sells fruit and bread.",
            "The establishment retails fruit and bakery produce.",
            valid=False,
        ),
        KnownPair(
            "The vessel was compelled to return to port when its engine malfunctioned.",
            "The ship when its engine had to the.",
            faithful=False,
            fluent=False,
            main_point=False,
            valid=False,
        ),
        KnownPair(
            "The pedestrian was apprehended after he had demolished the fence.",
            "He had a fence.",
            faithful=False,
            main_point=False,
            valid=False,
        ),
    ),
    columns=("simplification", "simple"),
)
