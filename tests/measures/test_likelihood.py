from __future__ import annotations

import numpy as np

from builder.measures.base import Batch, Sentences
from builder.measures.likelihood import MEASURE


def test_log_probabilities_are_a_word() -> None:
    sentences = Sentences(["One two three.", "Four."], logprobs=np.array([-6.0, -5.0]))
    found = MEASURE.of(Batch(sentences, np.array([0, 1]), np.array([1, 0])))
    assert found["source_logprob"].tolist() == [-2.0, -5.0]
    assert found["target_logprob"].tolist() == [-5.0, -2.0]


def test_sentences_that_nobody_drew_have_none() -> None:
    found = MEASURE.of(Batch.of_texts(["One two."], ["Three."]))
    assert np.isnan(found["source_logprob"]).all() and np.isnan(found["target_logprob"]).all()
