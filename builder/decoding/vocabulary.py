"""Work on rows of logits as wide as a vocabulary, without copies of all of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch

from builder.decoding.sentence_end import find_sentence_end

_ROWS_AT_ONCE = 4
_BLOCK = 128


def measure_log_normaliser(logits: torch.Tensor) -> torch.Tensor:
    """log sum exp of each row in float32, whatever the logits' dtype.

    Args:
        logits: [rows, vocabulary].

    Returns:
        float32 [rows]; a log-probability is a logit minus this.
    """
    if logits.is_cuda:
        return torch.logsumexp(logits.float(), dim=1)
    starts = range(0, len(logits), _ROWS_AT_ONCE)
    parts = [torch.logsumexp(logits[i : i + _ROWS_AT_ONCE].float(), dim=1) for i in starts]
    return torch.cat(parts)


def find_largest(logits: torch.Tensor, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The n largest of each row, largest first; the n-th may be any of equal ones.

    The n largest lie in the n blocks with the largest maxima, and maxima are far cheaper than an
    order over the whole row.

    Args:
        logits: [rows, vocabulary], n at most the vocabulary.

    Returns:
        values and int64 ids, both [rows, n].
    """
    rows, vocabulary = logits.shape
    blocks = vocabulary // _BLOCK
    if blocks <= 2 * n:
        best = logits.topk(n, dim=1)
        return best.values, best.indices
    head = logits[:, : blocks * _BLOCK].view(rows, blocks, _BLOCK)
    chosen = head.amax(2).topk(n, dim=1, sorted=False).indices
    inside = torch.arange(_BLOCK, device=logits.device)
    ids = (chosen[:, :, None] * _BLOCK + inside).view(rows, -1)
    tail = torch.arange(blocks * _BLOCK, vocabulary, device=logits.device)
    ids = torch.cat([ids, tail.expand(rows, -1)], dim=1)
    best = logits.gather(1, ids).topk(n, dim=1)
    return best.values, ids.gather(1, best.indices)


def find_nth_largest(scores: torch.Tensor, n: int) -> float:
    """The n-th largest of all values, minus infinity where there are fewer."""
    if n > scores.numel():
        return -math.inf
    return float(scores.flatten().topk(n).values[-1])


def find_enders(tokenizer: Any, enders: Iterable[str]) -> frozenset[int]:
    """The ids of the tokens that end a sentence.

    A token that is an ender and nothing else, white space aside; and, in vocabularies that glue
    marks to words (CTRL), a word with the ender behind it that is no abbreviation.

    Args:
        tokenizer: of transformers.
        enders: their texts, such as ".".
    """
    wanted = tuple(enders)
    if not wanted:
        return frozenset()
    ids = range(len(tokenizer))
    texts = tokenizer.batch_decode([[i] for i in ids], clean_up_tokenization_spaces=False)
    found = set()
    for token, text in zip(ids, texts, strict=True):
        bare = text.strip()
        if bare.endswith(wanted) and (bare in wanted or _closes(bare)):
            found.add(token)
    return frozenset(found)


def _closes(text: str) -> bool:
    return text[:-1].isalpha() and find_sentence_end(f"{text} X") == len(text)
