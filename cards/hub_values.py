"""Values the Hub knows: licences, tasks, sizes. Offline, to check a card before it leaves.

Sources: the Hub's documentation of licences and its dataset and model card specifications, and the
table of tasks of its JavaScript client.
"""

from __future__ import annotations

import re


def _read_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Every licence identifier of the Hub.
LICENCES = _read_words(
    """
    apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0
    bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause
    bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0
    cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0
    cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0
    cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1
    eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc h-research intel-research
    lppl-1.3c ms-pl apple-ascl apple-amlr mpl-2.0 odc-by odbl openmdw-1.0 openmdw-1.1 openrail++
    osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license
    fair-noncommercial-research-license llama2 llama3 llama3.1 llama3.2 llama3.3 llama4
    grok2-community gemma unknown other
    """
)

#: Tasks, for `task_categories`, `pipeline_tag` and the results of a model.
TASKS = _read_words(
    """
    biology text-classification token-classification table-question-answering question-answering
    zero-shot-classification translation summarization feature-extraction text-generation fill-mask
    sentence-similarity text-to-speech text-to-audio automatic-speech-recognition audio-to-audio
    audio-classification audio-text-to-text voice-activity-detection depth-estimation
    image-classification object-detection image-segmentation text-to-image image-to-text
    image-to-image image-to-video unconditional-image-generation video-classification
    reinforcement-learning robotics tabular-classification tabular-regression tabular-to-text
    table-to-text multiple-choice text-ranking text-retrieval time-series-forecasting text-to-video
    image-text-to-text visual-question-answering document-question-answering
    zero-shot-image-classification graph-ml mask-generation zero-shot-object-detection text-to-3d
    image-to-3d image-feature-extraction video-text-to-text keypoint-detection
    visual-document-retrieval any-to-any other
    """
)

#: Once a task of the Hub; its pages no longer list it.
RETIRED_TASKS = {"text2text-generation": "text-generation", "conversational": "text-generation"}

#: Finer tasks of text, for `task_ids`.
TASK_IDS = _read_words(
    """
    acceptability-classification entity-linking-classification fact-checking intent-classification
    language-identification multi-class-classification multi-label-classification
    multi-input-text-classification natural-language-inference semantic-similarity-classification
    sentiment-classification topic-classification semantic-similarity-scoring sentiment-scoring
    sentiment-analysis hate-speech-detection text-scoring named-entity-recognition part-of-speech
    parsing lemmatization word-sense-disambiguation coreference-resolution extractive-qa
    open-domain-qa closed-domain-qa news-articles-summarization news-articles-headline-generation
    dialogue-modeling dialogue-generation conversational language-modeling text-simplification
    explanation-generation abstractive-qa open-domain-abstractive-qa open-book-qa closed-book-qa
    slot-filling masked-language-modeling rdf-to-text multiple-choice-qa
    multiple-choice-coreference-resolution document-retrieval utterance-retrieval
    entity-linking-retrieval fact-checking-retrieval
    """
)

#: Upper bound of rows (exclusive) → size category.
SIZES: tuple[tuple[float, str], ...] = (
    (1e3, "n<1K"),
    (1e4, "1K<n<10K"),
    (1e5, "10K<n<100K"),
    (1e6, "100K<n<1M"),
    (1e7, "1M<n<10M"),
    (1e8, "10M<n<100M"),
    (1e9, "100M<n<1B"),
    (1e10, "1B<n<10B"),
    (1e11, "10B<n<100B"),
    (1e12, "100B<n<1T"),
    (float("inf"), "n>1T"),
)

#: Who made the text or the labels.
CREATORS = frozenset({"crowdsourced", "found", "expert-generated", "machine-generated", "other"})

#: A language of the Hub: an ISO 639 code, or one of its two words.
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]+)*|code|multilingual")

CONFIG_NAME = re.compile(r"[^/\\:*?<>|\"'\x00-\x1f]+")
SPLIT_NAME = re.compile(r"\w+(\.\w+)*")
REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def choose_size_category(rows: int) -> str:
    """The Hub's size category of a number of rows."""
    return next(name for bound, name in SIZES if rows < bound)
