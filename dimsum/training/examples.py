"""Training examples: tokens, loss masks, batches of like length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from dimsum.pairs import Pair
from dimsum.writing import find_pad_id, pad_rows

if TYPE_CHECKING:
    from dimsum.student import Student

IGNORED = -100
"""Label of a position that has no part in the loss."""
CHUNK = 1000


@dataclass
class Encoding:
    """What came of encoding pairs.

    Attributes:
        codes: control code of each example, in order.
        too_long: pairs left out, by which side was longer than the student takes.
        weights: of each example, in order.
        asked: source and control code of each prompt by `make_prompt_key`; None: not kept.
    """

    codes: list[str] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    too_long: Counter[str] = field(default_factory=Counter)
    asked: dict[bytes, tuple[str, str]] | None = None

    @property
    def trained(self) -> Counter[str]:
        """Examples of each control code."""
        return Counter(self.codes)


class Examples(Dataset[dict[str, Any]]):
    """Encoded pairs in flat arrays of int32: a few bytes a token, whatever their number.

    An item has `input_ids` and `labels`. Of a causal model both have the length of prompt and
    target, and the prompt's labels are ignored; of a sequence-to-sequence model the first is the
    prompt and the second the target.

    Attributes:
        weights: how much each pair counts, shape (len(self),), 1 in the mean; None: all alike.
        teacher_ids, teacher_logs: for all target tokens in order the likeliest tokens of a teacher
            and their log-probabilities, shape (target tokens, k); items then have theirs.
    """

    def __init__(self, rows: Iterable[tuple[list[int], list[int]]], *, causal: bool) -> None:
        inputs, targets = _Ragged(), _Ragged()
        for prompt, target in rows:
            inputs.add(prompt)
            targets.add(target)
        self.causal = causal
        self.weights: np.ndarray[Any, Any] | None = None
        self.teacher_ids: torch.Tensor | None = None
        self.teacher_logs: torch.Tensor | None = None
        self.inputs, self.targets = inputs.close(), targets.close()

    def __len__(self) -> int:
        return len(self.inputs[1]) - 1

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        item: dict[str, Any] = as_item(*self.row(index), causal=self.causal)
        if self.weights is not None:
            item["weight"] = self.weights[index]
        if self.teacher_ids is not None and self.teacher_logs is not None:
            span = slice(*self.targets[1][index : index + 2].tolist())
            item["teacher_ids"] = self.teacher_ids[span]
            item["teacher_logs"] = self.teacher_logs[span]
        return item

    def row(self, index: int) -> tuple[list[int], list[int]]:
        """Tokens of a pair's prompt and of its target."""
        return _make_row(self.inputs, index), _make_row(self.targets, index)

    def longest(self) -> tuple[int, int]:
        """Tokens of the longest prompt and of the longest target."""
        return int(np.diff(self.inputs[1]).max()), int(np.diff(self.targets[1]).max())

    def lengths(self) -> np.ndarray[Any, Any]:
        """Tokens of prompt and target together, shape (len(self),)."""
        found: np.ndarray[Any, Any] = np.diff(self.inputs[1]) + np.diff(self.targets[1])
        return found


def hash_examples(*parts: Examples) -> str:
    """sha256 over the tokens of examples, how they are cut into pairs, and the pairs' weights."""
    total = sha256()
    for part in parts:
        for flat, ends in (part.inputs, part.targets):
            total.update(flat.tobytes())
            total.update(ends.tobytes())
        if part.weights is not None:
            total.update(part.weights.tobytes())
    return total.hexdigest()


def as_item(prompt: list[int], target: list[int], *, causal: bool) -> dict[str, list[int]]:
    """`input_ids` and `labels` of a pair, as `Examples` describes them."""
    if not causal:
        return {"input_ids": prompt, "labels": target}
    return {"input_ids": prompt + target, "labels": [IGNORED] * len(prompt) + target}


def make_prompt_key(prompt: Sequence[int]) -> bytes:
    """A prompt's tokens as a key: a student has one prompt for a source and a control code."""
    return np.asarray(prompt, dtype=np.int32).tobytes()


def split_batch(
    batch: dict[str, torch.Tensor], *, causal: bool
) -> list[tuple[list[int], list[int]]]:
    """(prompt tokens, target tokens) of each row of a `Collator`'s batch."""
    found = []
    for ids, seen, labels in zip(
        batch["input_ids"].tolist(),
        batch["attention_mask"].sum(1).tolist(),
        batch["labels"].tolist(),
        strict=True,
    ):
        target = [label for label in labels if label != IGNORED]
        found.append((ids[: seen - len(target)] if causal else ids[:seen], target))
    return found


class _Ragged:
    def __init__(self) -> None:
        self.parts: list[np.ndarray[Any, Any]] = []
        self.ends = [0]

    def add(self, ids: Sequence[int]) -> None:
        self.parts.append(np.asarray(ids, dtype=np.int32))
        self.ends.append(self.ends[-1] + len(ids))

    def close(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        flat = np.concatenate(self.parts) if self.parts else np.zeros(0, dtype=np.int32)
        self.parts.clear()
        return flat, np.asarray(self.ends, dtype=np.int64)


def _make_row(ragged: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]], index: int) -> list[int]:
    flat, ends = ragged
    found: list[int] = flat[ends[index] : ends[index + 1]].tolist()
    return found


def find_code(student: Student, pair: Pair) -> str:
    """What the pair is an answer to: its control code, or its task for a student without codes."""
    return pair.control if student.spec.prompts.control else pair.task


def encode_pairs(
    student: Student, pairs: Iterable[Pair], max_target_tokens: int, into: Encoding
) -> Iterator[tuple[list[int], list[int]]]:
    """(prompt tokens, target tokens) of each pair that fits.

    A pair whose source or target is too long is left out and counted: a prompt cut short would
    ask for what its target does not answer.
    """
    for chunk in _split_chunks(pairs):
        codes = [find_code(student, pair) for pair in chunk]
        most, student.spec.max_source_tokens = student.spec.max_source_tokens, 10**9
        try:
            trees = [pair.syntax for pair in chunk] if student.spec.prompts.syntax else None
            prompts = student.encode([pair.source for pair in chunk], codes, trees)
        finally:
            student.spec.max_source_tokens = most
        for pair, code, prompt in zip(chunk, codes, prompts, strict=True):
            target = student.encode_target(pair.target)
            if len(prompt) > most:
                into.too_long["source"] += 1
            elif len(target) > max_target_tokens:
                into.too_long["target"] += 1
            else:
                into.codes.append(code)
                into.weights.append(pair.weight)
                if into.asked is not None:
                    into.asked[make_prompt_key(prompt)] = (pair.source, code)
                yield prompt, target


def _split_chunks(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    chunk: list[Pair] = []
    for pair in pairs:
        chunk.append(pair)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class Collator:
    """Pads a batch; padding never enters the loss."""

    def __init__(self, tokenizer: Any) -> None:
        self.pad = find_pad_id(tokenizer)

    def __call__(self, items: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """input_ids, attention_mask and labels, each of shape (len(items), longest).

        Of items with a weight also `weights`, shape (len(items),); of items with a teacher's
        log-probabilities also those, shape (target tokens, k).
        """
        device = torch.device("cpu")
        batch = pad_rows([item["input_ids"] for item in items], self.pad, left=False, device=device)
        rows = [item["labels"] for item in items]
        batch["labels"] = pad_rows(rows, IGNORED, left=False, device=device)["input_ids"]
        if "weight" in items[0]:
            batch["weights"] = torch.tensor([item["weight"] for item in items], dtype=torch.float32)
        for name in ("teacher_ids", "teacher_logs"):
            if name in items[0]:
                batch[name] = torch.cat([item[name] for item in items])
        return batch


class LengthBuckets(Sampler[int]):
    """Indices of an epoch in batches of like length; the order is (seed, epoch)'s alone.

    Pairs are shuffled, cut into windows of fifty batches, sorted by length within each, and the
    batches of all windows shuffled. The order depends on nothing else, so a training that is
    resumed in any epoch meets the same batches.
    """

    WINDOW = 50

    def __init__(self, lengths: np.ndarray[Any, Any], batch_size: int, seed: int) -> None:
        self.lengths = lengths
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order is given out next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        chance = np.random.default_rng([self.seed, self.epoch])
        order = chance.permutation(len(self.lengths))
        window = self.batch_size * self.WINDOW
        batches = []
        for start in range(0, len(order), window):
            part = order[start : start + window]
            part = part[np.argsort(-self.lengths[part], kind="stable")]
            batches += [part[i : i + self.batch_size] for i in range(0, len(part), self.batch_size)]
        whole = [batch for batch in batches if len(batch) == self.batch_size]
        rest = [batch for batch in batches if len(batch) < self.batch_size]
        for index in chance.permutation(len(whole)):
            yield from whole[index].tolist()
        for batch in rest:
            yield from batch.tolist()
