"""Texts that begin alike, read by a causal model in one row: the beginning once, then every rest.

    head | tail 1 | tail 2 | tail 3

A tail sees the head and itself and nothing of its neighbours, and its positions go on where the
head ends, so each text is read as if it stood alone. A context's sentences meet each other as
premises again and again: with the premise read once, a pair costs little more than its hypothesis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

ROW_TOKENS = 256
"""Longest packed row: attention grows with its square, what is saved does not."""

_HEAD, _PADDING = 0, -1


@dataclass(frozen=True, slots=True)
class Packed:
    """Packed rows as a model takes them.

    Attributes:
        ids: int64 [rows, columns].
        positions: int64 [rows, columns], of each token in its own text.
        mask: additive [rows, 1, columns, columns].
        ends: (row, column) of the last token of every text, in the order of the groups.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor
    ends: tuple[torch.Tensor, torch.Tensor]


def count_common(texts: Sequence[list[int]]) -> int:
    """How many first tokens all texts share; at least one of each text is left over."""
    most = min(len(text) for text in texts) - 1
    first, last = min(texts), max(texts)
    return next((i for i in range(most) if first[i] != last[i]), most)


def count_packed(texts: Sequence[list[int]]) -> int:
    """Tokens of the row that these texts make."""
    shared = count_common(texts)
    return sum(len(text) - shared for text in texts) + shared


def group_texts(keys: Sequence[str], texts: Sequence[list[int]]) -> list[list[int]]:
    """Indices of the texts that share a row: of one key, in their order, up to `ROW_TOKENS`.

    Args:
        keys: of each text, equal where texts begin alike.
        texts: token ids.
    """
    alike: dict[str, list[int]] = {}
    for index, key in enumerate(keys):
        alike.setdefault(key, []).append(index)
    groups: list[list[int]] = []
    for members in alike.values():
        shared = count_common([texts[index] for index in members])
        room = 0
        for index in members:
            tail = len(texts[index]) - shared
            if index == members[0] or room < tail:
                groups.append([])
                room = ROW_TOKENS - shared
            groups[-1].append(index)
            room -= tail
    return groups


def pack(groups: Sequence[Sequence[list[int]]], padding: int, dtype: torch.dtype) -> Packed:
    """One row for each group of texts, padded on the right.

    Args:
        groups: of each row the token ids of its texts, at least one.
        padding: the id that fills up.
        dtype: of the mask.
    """
    rows = []
    ends: list[tuple[int, int]] = []
    for number, texts in enumerate(groups):
        shared = count_common(texts)
        tokens, indices, owners = list(texts[0][:shared]), list(range(shared)), [_HEAD] * shared
        for ordinal, text in enumerate(texts, start=1):
            tokens += text[shared:]
            indices += range(shared, len(text))
            owners += [ordinal] * (len(text) - shared)
            ends.append((number, len(tokens) - 1))
        rows.append((tokens, indices, owners))
    columns = -(-max(len(tokens) for tokens, _, _ in rows) // 8) * 8
    ids, positions, segments = (
        torch.tensor([row[part] + [fill] * (columns - len(row[part])) for row in rows])
        for part, fill in enumerate((padding, 0, _PADDING))
    )
    own = segments[:, :, None] == segments[:, None, :]
    seen = (own | (segments == _HEAD)[:, None, :]) & torch.ones(columns, columns).tril().bool()
    mask = torch.zeros(seen.shape, dtype=dtype).masked_fill_(~seen, torch.finfo(dtype).min)
    row, column = torch.tensor(ends).unbind(1)
    return Packed(ids, positions, mask[:, None], (row, column))
