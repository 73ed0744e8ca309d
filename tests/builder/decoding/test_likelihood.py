from __future__ import annotations

from typing import Any

import pytest
import torch

from builder.decoding.forward import CausalForward
from builder.decoding.likelihood import score_after


def test_scores_are_a_full_forwards(tiny_model: Any, word_tokenizer: Any) -> None:
    prompt = word_tokenizer.encode("w1 w2 w3")
    ends = ["w4", "w5 w6 w7 w8", *(f"w{n} w{n + 1} w2" for n in range(4, 14)), "w5 w6"]
    texts = [word_tokenizer.encode(text) for text in ends]
    found = score_after(CausalForward(tiny_model), prompt, texts)
    assert len(found) == len(texts)
    for text, score in zip(texts, found, strict=True):
        whole = [*prompt, *text]
        with torch.no_grad():
            logits = tiny_model(input_ids=torch.tensor([whole]), use_cache=False).logits[0]
        each = logits.double().log_softmax(-1)[range(len(whole) - 1), whole[1:]]
        assert score == pytest.approx(float(each[len(prompt) - 1 :].sum()), rel=1e-4)


def test_no_texts_have_no_scores(tiny_model: Any) -> None:
    assert score_after(CausalForward(tiny_model), [4, 5], []) == []
