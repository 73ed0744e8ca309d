"""ROUGE by rouge-score: the best of several references for each example and each kind."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from dimsum.metrics.measured import Measured, mean_of

KINDS = ("rouge1", "rouge2", "rougeL")


def rouge(outputs: Sequence[str], references: Sequence[Sequence[str]]) -> list[Measured]:
    """ROUGE-1, ROUGE-2 and ROUGE-L F1, 0 to 100, Porter-stemmed.

    Args:
        references: one or more for each output; the best F1 counts.
    """
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(list(KINDS), use_stemmer=True)
    scores = [scorer.score_multi(list(r), o) for o, r in zip(outputs, references, strict=True)]
    about = f"rouge-score {version('rouge-score')}, F1 x 100, stemmed, best reference, mean"
    return [
        mean_of(kind, [100 * score[kind].fmeasure for score in scores], f"{kind}, {about}")
        for kind in KINDS
    ]
