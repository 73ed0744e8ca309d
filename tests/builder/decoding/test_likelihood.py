from __future__ import annotations

from typing import Any

import pytest
import torch

from builder.decoding import likelihood
from builder.decoding.forward import CausalForward
from builder.decoding.likelihood import score_after


def score_alone(model: Any, prompt: list[int], text: list[int]) -> float:
    whole = [*prompt, *text]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([whole]), use_cache=False).logits[0]
    each = logits.double().log_softmax(-1)[range(len(whole) - 1), whole[1:]]
    return float(each[len(prompt) - 1 :].sum())


@pytest.mark.parametrize("at_once", [(32, 512), (1, 512), (2, 7)])
def test_scores_are_a_full_forwards(
    tiny_model: Any, word_tokenizer: Any, monkeypatch: pytest.MonkeyPatch, at_once: tuple[int, int]
) -> None:
    """Of texts and prompts of several lengths, however many go together; one has no text."""
    monkeypatch.setattr(likelihood, "_PROMPTS_AT_ONCE", at_once[0])
    monkeypatch.setattr(likelihood, "_TOKENS_AT_ONCE", at_once[1])
    begins = ["w1 w2 w3", "w7", "w9 w8", "w2 w2 w4 w5 w1 w11"]
    prompts = [word_tokenizer.encode(text) for text in begins]
    ends = ["w4", "w5 w6 w7 w8", *(f"w{n} w{n + 1} w2" for n in range(4, 14)), "w5 w6"]
    texts = [word_tokenizer.encode(text) for text in ends]
    rows = [((0, 2, 3)[number % 3], text) for number, text in enumerate(texts)]
    found = score_after(CausalForward(tiny_model), prompts, rows)
    alone = [score_alone(tiny_model, prompts[prompt], text) for prompt, text in rows]
    assert found == pytest.approx(alone, rel=1e-4)


def test_no_texts_have_no_scores(tiny_model: Any) -> None:
    assert score_after(CausalForward(tiny_model), [[4, 5]], []) == []
