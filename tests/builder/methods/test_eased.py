"""Sentences in easier words, as far as the teacher finds them likely."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.methods.eased import METHOD, EasedSettings
from tests.builder.methods.test_reordered import logprob, reasons, request

SENTENCE = "The enormous dog sleeps prior to the rain."
BOTH = "The huge dog sleeps before the rain."
FIRST = "The huge dog sleeps prior to the rain."
SECOND = "The enormous dog sleeps before the rain."


def test_earlier_sentences_come_in_easier_words(toy_teacher: Path) -> None:
    asked = request(toy_teacher, [SENTENCE, "Two birds eat."])
    found = METHOD.draw(EasedSettings(least=-100, loss=100), asked)
    assert [one.text for one in found] == [BOTH, FIRST, SECOND]
    for one in found:
        score, tokens = logprob(asked.teacher, one.text)
        assert one.reason is None
        assert (one.logprob, one.tokens) == (pytest.approx(score, rel=1e-4), tokens)


def test_the_teacher_and_a_number_bound_them(toy_teacher: Path) -> None:
    asked = request(toy_teacher, [SENTENCE])
    mean = {}
    for text in (SENTENCE, BOTH, FIRST, SECOND):
        score, tokens = logprob(asked.teacher, text)
        mean[text] = score / tokens
    losses = sorted(mean[SENTENCE] - mean[text] for text in (BOTH, FIRST, SECOND))
    limit = (losses[0] + losses[1]) / 2
    assert losses[0] < losses[1]
    found = reasons(METHOD.draw(EasedSettings(least=-100, loss=limit), asked))
    assert [*found.values()].count("unlikely_words") == 2
    assert [text for text, why in found.items() if why is None] == [
        min((BOTH, FIRST, SECOND), key=lambda text: mean[SENTENCE] - mean[text])
    ]
    found = reasons(METHOD.draw(EasedSettings(least=-100, loss=100, most=1), asked))
    assert found == {BOTH: None, FIRST: "enough_eased", SECOND: "enough_eased"}
    assert METHOD.draw(EasedSettings(), request(toy_teacher, [])) == []
