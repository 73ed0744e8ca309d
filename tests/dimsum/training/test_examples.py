"""Loss masks, padding, batches of like length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dimsum import Student
from dimsum.pairs import Columns, read_pairs
from dimsum.training.examples import (
    IGNORED,
    Collator,
    Encoding,
    Examples,
    LengthBuckets,
    encode_pairs,
)
from tests.student_toys import toy_pairs


@pytest.fixture
def students(toy_t5: Path, toy_llama: Path) -> dict[str, Student]:
    return {
        name: Student.from_pretrained(folder, device="cpu", dtype="float32")
        for name, folder in (("seq2seq", toy_t5), ("causal", toy_llama))
    }


def examples(student: Student, count: int = 9, most: int = 60) -> tuple[Examples, Encoding]:
    into = Encoding()
    pairs = read_pairs(toy_pairs(count), Columns(), "toys")
    causal = student.spec.architecture == "causal"
    return Examples(encode_pairs(student, pairs, most, into), causal=causal), into


@pytest.mark.parametrize("architecture", ["seq2seq", "causal"])
def test_only_the_target_and_its_end_enter_the_loss(
    architecture: str, students: dict[str, Student]
) -> None:
    student = students[architecture]
    made, into = examples(student)
    rows = toy_pairs(9)
    batch = Collator(student.tokenizer)([made[i] for i in range(9)])
    prefix = student.spec.prompts.target_prefix
    for i, row in enumerate(rows):
        labels = batch["labels"][i]
        read = student.tokenizer.decode(labels[labels != IGNORED])
        assert read == prefix + row["target"] + "</s>"
        prompt = student.tokenizer.decode(batch["input_ids"][i][batch["attention_mask"][i] == 1])
        assert row["source"] in prompt
        assert (row["target"] + "</s>" in prompt) == (architecture == "causal")
        if architecture == "causal":
            ignored = labels == IGNORED
            padding = batch["attention_mask"][i] == 0
            assert bool((ignored | ~padding).all())
            start = int((~ignored).nonzero()[0])
            assert student.tokenizer.decode(batch["input_ids"][i, :start]).endswith("Answer:")
    assert sum(into.trained.values()) == 9
    assert set(into.trained) <= set(student.spec.prompts.instructions)


@pytest.mark.parametrize("architecture", ["seq2seq", "causal"])
def test_padding_changes_no_loss(architecture: str, students: dict[str, Student]) -> None:
    student = students[architecture]
    made, _ = examples(student)
    collate = Collator(student.tokenizer)
    items = [made[i] for i in range(9)]
    with torch.no_grad():
        together = student.model(**collate(items))
        counts, total = 0, 0.0
        for item in items:
            counted = sum(label != IGNORED for label in item["labels"])
            counted -= architecture == "causal" and item["labels"][0] != IGNORED
            total += student.model(**collate([item])).loss.item() * counted
            counts += counted
    assert together.loss.item() == pytest.approx(total / counts, rel=1e-5)


def test_what_is_too_long_is_left_out_and_counted(students: dict[str, Student]) -> None:
    student = students["causal"]
    student.spec.max_source_tokens = 33
    made, into = examples(student, 30, most=4)
    assert into.too_long["source"] > 0
    assert into.too_long["target"] > 0
    assert len(made) + sum(into.too_long.values()) == 30
    assert len(made) == sum(into.trained.values())


def test_buckets_hold_every_index_once_and_like_lengths_together() -> None:
    lengths = np.random.default_rng(0).integers(5, 200, size=1000)
    sampler = LengthBuckets(lengths, 10, seed=3)
    first = list(sampler)
    assert sorted(first) == list(range(1000))
    spread = [np.ptp(lengths[first[i : i + 10]]) for i in range(0, 1000, 10)]
    assert np.mean(spread) < 0.1 * np.ptp(lengths)
    assert list(sampler) == first
    sampler.set_epoch(1)
    second = list(sampler)
    assert second != first
    assert list(LengthBuckets(lengths, 10, seed=4)) != first
    again = LengthBuckets(lengths, 10, seed=3)
    again.set_epoch(1)
    assert list(again) == second
    assert sorted(LengthBuckets(lengths[:7], 10, seed=0)) == list(range(7))
