"""Paraphrase: source and target say the same in other words, so entailment must hold both ways."""

from __future__ import annotations

from dimsum.tasks.base import Benchmark, ControlCode, HubWords, TaskDefinition, TeacherPrompts
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
