"""Paraphrase: source and target say the same in other words, so entailment must hold both ways."""

from __future__ import annotations

from dimsum.tasks.base import (
    Benchmark,
    ControlCode,
    HubWords,
    KnownPair,
    TaskDefinition,
    TeacherPrompts,
)
from dimsum.tasks.summary import LONG_BELOW

INSTRUCTION = "Write a paraphrase of the sentence."

PARAPHRASE = TaskDefinition(
    name="paraphrase",
    noun="paraphrase",
    plural="paraphrases",
    verb="reword",
    verbs="rewords",
    meaning="Source and target say the same in other words",
    bounds={"compression": {"min": 0.7, "max": 1.6}, "rouge_l": {"max": 0.85}},
    rules={
        "compression": {"min": 0.8, "max": 1.5},
        "rouge_l": {"max": 0.75},
        "numbers_forward": {"min": 1},
        "numbers_backward": {"min": 1},
        "entail_forward": {"min": 0.75},
        "entail_backward": {"min": 0.75},
    },
    directions=("forward", "backward"),
    codes=(ControlCode("paraphrase", "the same in other words", INSTRUCTION),),
    instruction=INSTRUCTION,
    hub=HubWords(
        category="text-generation",
        pipeline="text-generation",
        data_tag="paraphrase",
        model_tag="paraphrase",
    ),
    colours=("#1d6f8c", "#5cb6d6"),
    unlabelled=(LONG_BELOW, float("inf")),
    question=("dissimilar", "Dissimilar", "Does its wording differ noticeably?"),
    guide="A **paraphrase** should say the same as its source, in other words.",
    asked={
        "faithful": "In a paraphrase the source must follow from the target as well.",
        "valid": "for a paraphrase, if the wording differs noticeably",
    },
    known=(
        KnownPair(
            "The farmers are worried that the dry summer will ruin their crops.",
            "The farmers fear that their harvest will be destroyed by the dry summer.",
        ),
        KnownPair(
            "The town bought three new buses last year.",
            "Last year, three new buses were purchased by the town.",
        ),
        KnownPair(
            "She could not come to the meeting because she was ill.",
            "Illness kept her from attending the meeting.",
        ),
        KnownPair(
            "Nobody was hurt when the tree fell onto the road.",
            "The tree came down on the road without injuring anyone.",
        ),
        KnownPair(
            "The dog chased the boy across the field.",
            "Across the field, the boy chased the dog.",
            faithful=False,
            main_point=False,
            valid=False,
        ),
        KnownPair(
            "The trains were late on Monday.",
            "On Monday, none of the trains were late.",
            faithful=False,
            main_point=False,
            valid=False,
        ),
        KnownPair(
            "Most of the villagers voted against the new road.",
            "All the people of the village voted against the new road.",
            faithful=False,
            valid=False,
        ),
    ),
    columns=("paraphrase",),
    benchmarks={
        "mrpc": Benchmark(
            "nyu-mll/glue", "sentence1", "sentence2", config="mrpc", where={"label": 1}
        ),
        "paws": Benchmark(
            "google-research-datasets/paws",
            "sentence1",
            "sentence2",
            config="labeled_final",
            where={"label": 1},
        ),
        "qqp": Benchmark(
            "nyu-mll/glue",
            "question1",
            "question2",
            split="validation",
            config="qqp",
            where={"label": 1},
        ),
    },
    teacher=TeacherPrompts(
        questions=(
            ("Paraphrase the sentence.\nSentence: {source}", "Paraphrase:"),
            ("Say the same in different words.\nSentence: {source}", "Different words:"),
            ("{source}", "In other words,"),
        ),
        exemplars=(
            (
                "The minister resigned on Monday after a week of protests.",
                "Following a week of protests, the minister stepped down on Monday.",
            ),
            (
                "Scientists have discovered a new species of frog in the rainforest.",
                "A frog species unknown until now was found in the rainforest by researchers.",
            ),
            (
                "The museum will stay closed until the roof has been repaired.",
                "Until its roof is mended, the museum remains shut.",
            ),
            (
                "Prices of coffee rose sharply because of the bad harvest.",
                "The poor harvest caused coffee to become much dearer.",
            ),
        ),
        chosen_by="ibleu",
    ),
)
