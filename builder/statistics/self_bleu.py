"""Self-BLEU: how alike the texts of a sample are to one another (Zhu et al. 2018, Texygen).

Each text is a hypothesis and all others of the sample are its references: sentence BLEU of order
4, uniform weights, closest reference length, smoothing method 1 of nltk (a precision without a
match counts 0.1 matches). A clipped count asks for the largest count in any other text, and that
is the largest or, for the text that has it, the second largest of all: no pair of texts is ever
compared.
"""

from __future__ import annotations

import numpy as np

from builder.statistics.words import Array, hash_ngrams, mark_changes

ORDER = 4
EPSILON = 0.1


def self_bleu(tokens: Array, lengths: Array) -> Array:
    """BLEU of each text against all others, 0 to 1, float64; empty with fewer than two texts."""
    texts = len(lengths)
    if texts < 2:
        return np.zeros(0)
    logs = np.zeros(texts)
    zero = np.zeros(texts, bool)
    for order in range(1, ORDER + 1):
        matched = _count_matches(tokens, lengths, order)
        possible = np.maximum(lengths - order + 1, 1)
        if order == 1:
            zero = matched == 0
        logs += np.log(np.where(matched > 0, matched, EPSILON) / possible)
    scores: Array = np.exp(logs / ORDER) * _measure_brevity(lengths)
    scores[zero] = 0.0
    return scores


def _count_matches(tokens: Array, lengths: Array, order: int) -> Array:
    """Clipped matches of each text's n-grams in the other texts."""
    matched = np.zeros(len(lengths), np.int64)
    keys, texts = hash_ngrams(tokens, lengths, order)
    if len(keys) == 0:
        return matched
    by = np.lexsort((texts, keys))
    keys, texts = keys[by], texts[by]
    first = np.flatnonzero(mark_changes(keys, texts))
    counts = np.diff(np.append(first, len(keys)))
    keys, texts = keys[first], texts[first]
    by = np.lexsort((counts, keys))
    keys, texts, counts = keys[by], texts[by], counts[by]
    begins = np.append(np.flatnonzero(mark_changes(keys)), len(keys))
    sizes, ends = np.diff(begins), begins[1:] - 1
    second = np.where(sizes > 1, counts[np.maximum(ends - 1, 0)], 0)
    others = np.repeat(counts[ends], sizes)
    others[ends] = second
    np.add.at(matched, texts, np.minimum(counts, others))
    return matched


def _measure_brevity(lengths: Array) -> Array:
    """Brevity penalty against the closest length among the other texts; a tie takes the shorter."""
    ordered = np.sort(lengths)
    copies = np.searchsorted(ordered, lengths, "right") - np.searchsorted(ordered, lengths, "left")
    below = np.searchsorted(ordered, lengths, "left") - 1
    above = np.searchsorted(ordered, lengths, "right")
    shorter = np.where(below >= 0, ordered[np.maximum(below, 0)], -(1 << 40))
    longer = np.where(above < len(ordered), ordered[np.minimum(above, len(ordered) - 1)], 1 << 40)
    closest = np.where(lengths - shorter <= longer - lengths, shorter, longer)
    closest = np.where(copies > 1, lengths, closest)
    size = np.maximum(lengths, 1)
    found: Array = np.where(lengths > closest, 1.0, np.exp(1 - closest / size))
    return np.where(lengths == 0, 0.0, found)
