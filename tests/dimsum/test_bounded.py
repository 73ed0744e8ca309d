"""Bounded beams, against what a tokenizer says of every single continuation."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dimsum import Student
from dimsum.bounded import ENDS, UNWANTED, Bounds, bound_outputs, list_end_tokens
from dimsum.rerank import find_bounds
from dimsum.spec import Generation
from dimsum.tasks.paraphrase import PARAPHRASE
from dimsum.tasks.summary import SUMMARY

SOURCES = [
    "The old dog sleeps in the garden, and the small cat waits near the river.",
    "The man walked home, where the small cat waits.",
]


@pytest.mark.parametrize("toy", ["toy_llama", "toy_t5"])
@pytest.mark.parametrize("text", ["", "The old dog", "The old dog.", "The old dog sleeps in the"])
@pytest.mark.parametrize("bounds", [Bounds(4, 14), Bounds(12, 30), Bounds(4, 18, whole=True)])
def test_a_token_may_follow_where_its_text_fits(
    toy: str, text: str, bounds: Bounds, request: pytest.FixtureRequest
) -> None:
    student = Student.from_pretrained(request.getfixturevalue(toy), device="cpu", dtype="float32")
    tokenizer = student.tokenizer
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    said = tokenizer.decode(ids, skip_special_tokens=True).strip()
    ends = set(list_end_tokens(tokenizer).tolist())
    scores = torch.zeros(1, len(tokenizer))
    found = bound_outputs(tokenizer, 0, [bounds], 1)(torch.tensor([ids]).long(), scores)
    free = [token for token in range(len(tokenizer)) if token not in tokenizer.all_special_ids]
    for token in free:
        if token in ends:
            continue
        then = tokenizer.decode([*ids, token], skip_special_tokens=True)
        room = 1 if bounds.whole and then[-1:] not in ENDS else 0
        # A blank at the end is counted before a word follows it; a text's first one is not.
        length = len(then.lstrip()) if said else len(then)
        if abs(length + room - bounds.most) > 1:
            assert (found[0, token] == 0) == (length + room < bounds.most), then
    may_end = len(said) >= bounds.least and (not bounds.whole or said[-1:] in ENDS)
    stuck = not torch.isfinite(found[0, free]).any()
    assert found[0, tokenizer.eos_token_id] == (0 if may_end else UNWANTED if stuck else -torch.inf)


def test_beams_keep_to_the_length_that_is_asked_for(toy_llama: Path) -> None:
    student = Student.from_pretrained(toy_llama, device="cpu", dtype="float32")
    student.spec.generation = Generation(max_new_tokens=24)
    for code in ("short-extractive", "long-extractive"):
        least, most = find_bounds(SUMMARY, code) or (0, 0)
        written = student.write(
            SOURCES,
            code,
            n=4,
            sample=False,
            compression=(least, most),
            generation=Generation(max_new_tokens=40, beams=4),
        )
        for source, texts in zip(SOURCES, written, strict=True):
            assert all(len(text) < most * len(source) for text in texts), texts
        free = student.write(SOURCES, code, sample=False)
        assert free != [texts[:1] for texts in written]


def test_a_code_without_a_length_bounds_nothing(toy_llama: Path) -> None:
    assert find_bounds(PARAPHRASE, "paraphrase") is None
    assert find_bounds(SUMMARY, "short-extractive") == (0.1, 0.5)
    assert Bounds.of("Who came?", (0.1, 0.5)) == Bounds(0.1 * 9, 4.5, whole=True)
    assert not Bounds.of("no end", (0, 1)).whole
