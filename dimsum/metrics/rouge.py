"""ROUGE by rouge-score: the best of several references for each example and each kind."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from dimsum.metrics.measured import Measured, measure_mean
from dimsum.metrics.words import count_other, is_latin, split_words

KINDS = ("rouge1", "rouge2", "rougeL")


class _Splitter:
    """rouge-score's own tokeniser with stems, and `split_words` for text that is not Latin."""

    def __init__(self) -> None:
        from rouge_score.tokenizers import DefaultTokenizer

        self.own: Any = DefaultTokenizer(use_stemmer=True)

    def tokenize(self, text: str) -> list[str]:
        found: list[str] = self.own.tokenize(text) if is_latin(text) else split_words(text)
        return found


def rouge(outputs: Sequence[str], references: Sequence[Sequence[str]]) -> list[Measured]:
    """ROUGE-1, ROUGE-2 and ROUGE-L F1, 0 to 100, Porter-stemmed where the text is Latin.

    Args:
        references: one or more for each output; the best F1 counts.
    """
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(list(KINDS), tokenizer=_Splitter())
    scores = [scorer.score_multi(list(r), o) for o, r in zip(outputs, references, strict=True)]
    about = f"rouge-score {version('rouge-score')}, F1 x 100, stemmed, best reference, mean"
    if others := count_other([*outputs, *(text for known in references for text in known)]):
        about += f", {others} texts that are not Latin by Unicode words or characters, not stemmed"
    return [
        measure_mean(kind, [100 * score[kind].fmeasure for score in scores], f"{kind}, {about}")
        for kind in KINDS
    ]
