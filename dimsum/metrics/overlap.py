"""What a target shares with its source: ROUGE-L, extractive fragments, sizes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from dimsum.metrics.words import split_words

if TYPE_CHECKING:
    import numpy as np

Number = TypeVar("Number", float, "np.ndarray[Any, Any]")
"""One number, or an array of them."""


def lcs_length(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Length of the longest common subsequence of two token sequences.

    Tokens are compared by their 64-bit hashes, of integers the integers themselves.
    """
    from rapidfuzz.distance import LCSseq

    return LCSseq.similarity(a, b)


def rouge_l(source: Sequence[str], target: Sequence[str]) -> float:
    """ROUGE-L F1 of two token lists, 0 to 1; equals rouge-score's rougeL fmeasure.

    Empty against anything is 0.
    """
    common = lcs_length(source, target) if source and target else 0
    return measure_f1(float(common), float(len(source)), float(len(target))) if common else 0.0


def measure_f1(common: Number, source: Number, target: Number) -> Number:
    """ROUGE-L F1 of each pair, by the length of its longest common subsequence.

    Source: Lin (2004), section 3, with beta 1.

    Args:
        common: of that length, above 0.
        source: words of the source.
        target: words of the target.
    """
    precision, recall = common / target, common / source
    found: Number = 2 * precision * recall / (precision + recall)
    return found


def find_fragments(source: Sequence[str], target: Sequence[str]) -> list[int]:
    """Lengths of the greedy longest shared fragments, in the target's order.

    Source: Grusky et al. (2018), Newsroom, figure 3.
    """
    starts: dict[str, list[int]] = {}
    for position, token in enumerate(source):
        starts.setdefault(token, []).append(position)
    found: list[int] = []
    i = 0
    while i < len(target):
        best = 0
        for j in starts.get(target[i], ()):
            length = 1
            while (
                i + length < len(target)
                and j + length < len(source)
                and target[i + length] == source[j + length]
            ):
                length += 1
            best = max(best, length)
        if best:
            found.append(best)
        i += max(best, 1)
    return found


def density(
    shared: Sequence[int], target: str, *, per: Literal["token", "character"] = "token"
) -> float:
    """Sum of squared fragment lengths over the length of the target.

    Args:
        shared: of `find_fragments`.
        target: the target's text.
        per: "token" is Newsroom's definition; "character" is the one that the control codes were
            first defined with.
    """
    size = len(split_words(target)) if per == "token" else len(target)
    return sum(n * n for n in shared) / size if size else 0.0


def coverage(shared: Sequence[int], target: Sequence[str]) -> float:
    """Share of the target's tokens that lie in a shared fragment, 0 to 1 (Newsroom)."""
    return sum(shared) / len(target) if target else 0.0


def compression(source: str, target: str) -> float:
    """Characters of the target over characters of the source; infinite for an empty source."""
    return len(target) / len(source) if source else float("inf")
