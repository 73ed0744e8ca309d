"""What every number means: one place for names, units and definitions.

docs/statistics.md lists the same, and a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass

GROUPS = ("table1", "diversity", "strategy", "fidelity", "hygiene")
SPACED = "white space, case kept"
LOWERED = "white space, lower case"
PLAIN = "runs of a-z and 0-9 in lower case, at most 1024 of a text"
NONE = "none"


@dataclass(frozen=True)
class Definition:
    """A measure.

    Attributes:
        group: one of `GROUPS`.
        unit: bits, share (0 to 1), percent, tokens, characters, edits, count, ratio.
        text: what is computed, in a sentence.
        tokens: how texts are split.
        libraries: whose code has a part in the value.
        grows: it grows or shrinks with the size of the corpus by itself.
    """

    group: str
    unit: str
    text: str
    tokens: str = NONE
    libraries: tuple[str, ...] = ("numpy",)
    grows: bool = False


def _describe_ngram(name: str, n: int) -> str:
    return f"{name} of the {n}-grams inside the texts" if n > 1 else f"{name} of the tokens"


DEFINITIONS: dict[str, Definition] = {
    "cosine": Definition(
        "table1",
        "percent",
        "Cosine of the sentence vectors of source and target, mean over pairs, times 100",
        libraries=("transformers", "torch"),
    ),
    **{
        f"h{n}": Definition(
            "table1", "bits", _describe_ngram("Shannon entropy (log2)", n), SPACED, grows=True
        )
        for n in (2, 3)
    },
    **{
        f"msttr_{n}": Definition(
            "table1",
            "percent",
            f"Mean share of different tokens in segments of {n} tokens, texts joined in the order "
            "of a hash of their rows, a rest left out, times 100",
            SPACED,
        )
        for n in (100, 1000)
    },
    "jaccard": Definition(
        "table1",
        "percent",
        "Shared over all different tokens of source and target, mean over pairs, times 100; "
        "two texts without a token count as alike",
        LOWERED,
    ),
    "ted_3": Definition(
        "table1",
        "edits",
        "Tree edit distance (unit costs) of the top three layers of the dependency trees of source "
        "and target; labels are dependency relations, words are left out; mean over pairs",
        libraries=("apted", "spacy", "en-core-web-sm"),
    ),
    "ted_f": Definition(
        "table1",
        "edits",
        "Tree edit distance (unit costs) of the whole dependency trees of source and target; "
        "labels are dependency relations, words are left out; mean over pairs",
        libraries=("apted", "spacy", "en-core-web-sm"),
    ),
    "constituency_ted_3": Definition(
        "table1",
        "edits",
        "Tree edit distance (unit costs) of the top three layers of the constituency trees, words "
        "left out; mean over pairs",
        libraries=("apted",),
    ),
    "constituency_ted_f": Definition(
        "table1",
        "edits",
        "Tree edit distance (unit costs) of the whole constituency trees, words left out; mean "
        "over pairs",
        libraries=("apted",),
    ),
    **{
        f"distinct_{n}": Definition(
            "diversity", "share", _describe_ngram("Different over all", n), SPACED, grows=True
        )
        for n in (1, 2, 3)
    },
    "vocabulary": Definition("diversity", "count", "Different tokens", SPACED, grows=True),
    "unique_2": Definition("diversity", "count", "Different 2-grams", SPACED, grows=True),
    "unique_3": Definition("diversity", "count", "Different 3-grams", SPACED, grows=True),
    "self_bleu": Definition(
        "diversity",
        "percent",
        "Mean sentence BLEU-4 of each text of the sample against all others as references, closest "
        "reference length, smoothing method 1 of nltk (Texygen's Self-BLEU), times 100",
        SPACED,
    ),
    "zlib_ratio": Definition(
        "diversity",
        "ratio",
        "Bytes of 1000 texts joined by newlines over their bytes after zlib level 6, mean over "
        "such pieces of the sample",
        libraries=("zlib",),
    ),
    "vendi": Definition(
        "diversity",
        "count",
        "Exponential of the entropy of the eigenvalues of the cosine matrix of the texts' vectors "
        "over n (Friedman and Dieng 2023)",
        libraries=("transformers", "torch", "numpy"),
        grows=True,
    ),
    "compression": Definition(
        "strategy", "ratio", "Characters of the target over characters of the source"
    ),
    "coverage": Definition(
        "strategy",
        "share",
        "Share of the target's words in a fragment shared with the source (Newsroom)",
        PLAIN,
    ),
    "density": Definition(
        "strategy",
        "ratio",
        "Squared lengths of shared fragments over the target's words (Newsroom)",
        PLAIN,
    ),
    **{
        f"novel_{n}": Definition(
            "strategy",
            "share",
            f"Share of the target's {n}-grams that the source has not; targets with fewer words "
            "are left out",
            PLAIN,
        )
        for n in (1, 2, 3, 4)
    },
    "rouge_l": Definition("strategy", "share", "ROUGE-L F1 of target and source", PLAIN),
    "extractiveness": Definition(
        "strategy",
        "ratio",
        "The larger of ROUGE-L and density per character of the target, by which control codes "
        "separate extractive from abstractive",
        PLAIN,
    ),
    "abstractive": Definition(
        "strategy", "share", "Share of pairs whose extractiveness is below 0.6", PLAIN
    ),
    "source_tokens": Definition("strategy", "tokens", "Tokens of a source", SPACED),
    "target_tokens": Definition("strategy", "tokens", "Tokens of a target", SPACED),
    "source_characters": Definition("strategy", "characters", "Characters of a source"),
    "target_characters": Definition("strategy", "characters", "Characters of a target"),
    "entail_forward": Definition(
        "fidelity",
        "share",
        "P(source entails target) by the named critic, which did not filter the corpus",
        libraries=("transformers", "torch"),
    ),
    "entail_backward": Definition(
        "fidelity",
        "share",
        "P(target entails source) by the named critic, which did not filter the corpus",
        libraries=("transformers", "torch"),
    ),
    "entail_both": Definition(
        "fidelity",
        "share",
        "The smaller of both probabilities, by the named critic",
        libraries=("transformers", "torch"),
    ),
    "numbers_forward": Definition(
        "fidelity",
        "share",
        "Share of the target's numbers, in digits or words, that are in the source; none is 1",
        libraries=("numerizer",),
    ),
    "numbers_backward": Definition(
        "fidelity",
        "share",
        "Share of the source's numbers, in digits or words, that are in the target; none is 1",
        libraries=("numerizer",),
    ),
    "entities_forward": Definition(
        "fidelity",
        "share",
        "Share of the target's named entities whose words are all in the source; none is 1",
        libraries=("spacy", "en-core-web-sm"),
    ),
    "entities_backward": Definition(
        "fidelity",
        "share",
        "Share of the source's named entities whose words are all in the target; none is 1",
        libraries=("spacy", "en-core-web-sm"),
    ),
    "duplicate_pairs": Definition(
        "hygiene", "share", "Rows whose source and target are those of another row", grows=True
    ),
    "duplicate_sources": Definition(
        "hygiene", "share", "Rows whose source is that of another row", grows=True
    ),
    "duplicate_targets": Definition(
        "hygiene", "share", "Rows whose target is that of another row", grows=True
    ),
    "duplicates_across": Definition(
        "hygiene",
        "share",
        "Rows with a source or target that is also a source or target in another split",
        grows=True,
    ),
    "near_duplicates": Definition(
        "hygiene",
        "share",
        "Rows with another row whose word 3-shingles, sides distinguished, have a Jaccard "
        "similarity of 0.8 or more; compared exactly, none is missed",
        PLAIN,
        grows=True,
    ),
    "near_across": Definition(
        "hygiene", "share", "Rows with such a row in another split", PLAIN, grows=True
    ),
    "near_redundant": Definition(
        "hygiene",
        "share",
        "Rows that would go if every chain of near-duplicates kept one",
        PLAIN,
        grows=True,
    ),
    "identical": Definition("hygiene", "share", "Rows whose source is their target"),
    "empty": Definition("hygiene", "share", "Rows whose source or target has no token", SPACED),
    "too_short": Definition("hygiene", "share", "Targets of fewer than 3 tokens", SPACED),
    "length_outliers": Definition(
        "hygiene",
        "share",
        "Targets with more tokens than the third quartile and three times the distance between "
        "the quartiles",
        SPACED,
    ),
    "cut": Definition(
        "hygiene", "share", "Rows with a text of more than 1024 words, read up to there", PLAIN
    ),
    "broken": Definition(
        "hygiene", "share", "Rows with a control character, a private one or a replacement mark"
    ),
    "foreign": Definition(
        "hygiene",
        "share",
        "Rows of the sample whose source or target, of 5 tokens or more, the classifier takes for "
        "another language than that of most texts, which the signature names",
        libraries=("py3langid",),
    ),
    "offensive_source": Definition(
        "hygiene", "share", "Sources with an entry of the word list", PLAIN
    ),
    "offensive_target": Definition(
        "hygiene", "share", "Targets with an entry of the word list", PLAIN
    ),
    "top_opening": Definition(
        "hygiene", "share", "Targets that begin with the commonest first three tokens", LOWERED
    ),
    "top_ten_openings": Definition(
        "hygiene", "share", "Targets that begin with one of the ten commonest", LOWERED
    ),
}

OVERLAP = Definition(
    "hygiene",
    "share",
    "Rows with a text whose words are a text of the benchmark file",
    PLAIN,
)
OVERLAP_RUN = Definition(
    "hygiene",
    "share",
    "Rows with a text that shares 8 words in a row with a text of the benchmark file",
    PLAIN,
)

SLOW = ("cosine", "ted", "vendi", "entailment", "agreement", "language")
"""Parts that need a model or a parse; the rest is measured on every row unless it says a sample."""
FAST = ("table1", "diversity", "strategy", "hygiene")


def find_definition(name: str) -> Definition:
    """The definition of a measure, of the overlap with a benchmark too."""
    if name.startswith("overlap_"):
        return OVERLAP_RUN if name.endswith("_8gram") else OVERLAP
    return DEFINITIONS[name]
