"""BLEU by sacrebleu, BLEU against the source, and iBLEU, the balance of the two.

Source: Post (2018); Sun and Zhou (2012) for iBLEU. With alpha 0.7 and corpus BLEU the rows of
arXiv 2305.16635 v4 for a copied input come out as they are printed there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dimsum.metrics.measured import Array, Measured
from dimsum.metrics.words import choose_bleu_tokeniser

ALPHA = 0.7
ORDERS = 4


def _make_scorer(tokeniser: str) -> Any:
    from sacrebleu.metrics import BLEU

    return BLEU(effective_order=True, tokenize=tokeniser)


def _count_stats(
    outputs: Sequence[str], references: Sequence[Sequence[str]], tokeniser: str
) -> Array:
    """Matches and totals of four orders, output and reference length: shape (n, 10)."""
    scorer = _make_scorer(tokeniser)
    rows = []
    for output, known in zip(outputs, references, strict=True):
        score = scorer.sentence_score(output, list(known))
        rows.append([*score.counts, *score.totals, score.sys_len, score.ref_len])
    return np.asarray(rows, dtype=np.float64).reshape(-1, 2 * ORDERS + 2)


def _score_corpus(total: Array) -> float:
    """Corpus BLEU of summed statistics, 0 to 100, as sacrebleu computes it by default."""
    from sacrebleu.metrics import BLEU

    whole = [int(value) for value in total]
    found = BLEU.compute_bleu(
        whole[:ORDERS], whole[ORDERS : 2 * ORDERS], whole[-2], whole[-1], smooth_method="exp"
    )
    return float(found.score)


def make_signature(
    outputs: Sequence[str], references: Sequence[Sequence[str]], tokeniser: str = "13a"
) -> str:
    """sacrebleu's own signature of the corpus score on this data."""
    from sacrebleu.metrics import BLEU

    scorer = BLEU(tokenize=tokeniser)
    width = max((len(known) for known in references), default=0)
    columns = [[known[i] if i < len(known) else None for known in references] for i in range(width)]
    if outputs:
        scorer.corpus_score(list(outputs), columns)
    return f"sacrebleu {scorer.get_signature()}"


def measure_bleu(
    outputs: Sequence[str],
    references: Sequence[Sequence[str]],
    sources: Sequence[str],
    alpha: float = ALPHA,
) -> list[Measured]:
    """Corpus BLEU against the references, against the source, and iBLEU; 0 to 100.

    The tokeniser goes by the script of sources and references, so it is one for all systems.

    iBLEU = alpha * BLEU(references) - (1 - alpha) * BLEU(source).
    """
    tokeniser = choose_bleu_tokeniser([*sources, *(text for known in references for text in known)])
    said = make_signature(outputs, references, tokeniser)
    own = [[source] for source in sources]
    target, copied = (
        _count_stats(outputs, references, tokeniser),
        _count_stats(outputs, own, tokeniser),
    )
    width = target.shape[1]

    def balance(total: Array, n: int) -> float:
        return alpha * _score_corpus(total[:width]) - (1 - alpha) * _score_corpus(total[width:])

    return [
        Measured("bleu", target, lambda total, n: _score_corpus(total), said),
        Measured(
            "source_bleu",
            copied,
            lambda total, n: _score_corpus(total),
            f"{make_signature(outputs, own, tokeniser)}, against the source",
            better="lower",
        ),
        Measured(
            "ibleu",
            np.concatenate([target, copied], axis=1),
            balance,
            f"{alpha} BLEU(references) - {round(1 - alpha, 6)} BLEU(source), {said}",
        ),
    ]


def sentence_bleu(outputs: Sequence[str], sources: Sequence[str]) -> list[float]:
    """BLEU of each output against its source, 0 to 1, effective order, exponential smoothing."""
    scorer = _make_scorer(choose_bleu_tokeniser(sources))
    return [
        scorer.sentence_score(output, [source]).score / 100
        for output, source in zip(outputs, sources, strict=True)
    ]
