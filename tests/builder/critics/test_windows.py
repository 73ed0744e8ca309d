"""Long premises: every sentence is read, in windows of whole sentences, and that is counted."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.cli import run
from builder.config import CriticConfig
from builder.critics.entailment import CHECKS, EntailmentCritic
from builder.critics.windows import (
    CUT,
    IN_WINDOWS,
    READ,
    cut_windows,
    describe_long,
    find_sentence_spans,
    make_window_spans,
)
from builder.judges import load_entailment_critic
from dimsum.evaluation.data import Example
from dimsum.evaluation.measure import measure

PREMISE, HYPOTHESIS = CHECKS[0][:2]
FILLER = "Two dogs are running through the snow."


@pytest.fixture(scope="module")
def critic(toy_critic: Path) -> EntailmentCritic:
    return EntailmentCritic.load(CriticConfig(model=str(toy_critic), device="cpu", dtype="float32"))


def score(critic: EntailmentCritic, premise: str, hypothesis: str = HYPOTHESIS) -> float:
    return float(critic.score([(premise, hypothesis)])[0, 0])


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two.  Three", ["One. ", "Two.  ", "Three"]),
        ("Mr. Smith left. He ran.", ["Mr. Smith left. ", "He ran."]),
        ("今天。明天！后天", ["今天。", "明天！", "后天"]),
        ("यह है। वह था।", ["यह है। ", "वह था।"]),
        ("One line\nanother line\n", ["One line\n", "another line\n"]),
        ("", []),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert [text[first:end] for first, end in find_sentence_spans(text)] == sentences


def test_windows_are_the_longest_runs_of_whole_sentences() -> None:
    text = "A aa. Bb bb. Cc cc cc cc. Dd. Ee."
    assert cut_windows(text, lambda part: len(part) <= 18) == [
        "A aa. Bb bb.",
        "Cc cc cc cc. Dd.",
        "Dd. Ee.",
    ]
    assert cut_windows(text, lambda part: len(part) <= 100) == [text]
    assert cut_windows(text, lambda part: False) == []


def test_a_sentence_that_is_too_long_is_read_in_parts() -> None:
    assert cut_windows("aa bb cc dd", lambda part: len(part) <= 5) == ["aa bb", "cc dd"]
    assert "".join(cut_windows("今天天气很好", lambda part: len(part) <= 2)) == "今天天气很好"


@given(st.text("ab .!。\n", max_size=60), st.integers(1, 30))
def test_every_window_fits_and_no_character_is_left_out(text: str, most: int) -> None:
    found = make_window_spans(text, lambda part: len(part) <= most)
    assert all(len(text[first:end].strip()) <= most for first, end in found)
    assert {i for span in found for i in range(*span)} == {*range(len(text))}
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(found))


def test_a_long_premise_has_the_entailment_of_its_best_window(critic: EntailmentCritic) -> None:
    model = critic.models[0]
    sentences = [*[FILLER] * 9, PREMISE, *[FILLER] * 9]
    long = " ".join(sentences)
    assert not model.fits(long, HYPOTHESIS)
    everywhere = [(i, j) for j in range(len(sentences) + 1) for i in range(j)]
    fitting = {(i, j) for i, j in everywhere if model.fits(" ".join(sentences[i:j]), HYPOTHESIS)}
    longest = [(i, j) for i, j in fitting if not fitting & {(i - 1, j), (i, j + 1)}]
    expected = max(score(critic, " ".join(sentences[i:j])) for i, j in longest)
    critic.long.clear()
    assert score(critic, long) == pytest.approx(expected, abs=1e-6)
    assert dict(critic.long) == {READ: 1, IN_WINDOWS: 1}


def test_what_fits_is_read_as_ever_beside_what_does_not(critic: EntailmentCritic) -> None:
    fitting = [(premise, hypothesis) for premise, hypothesis, _ in CHECKS]
    expected = critic.score(fitting)
    long = (" ".join([PREMISE] * 40), HYPOTHESIS)
    found = critic.score([fitting[0], long, *fitting[1:]])
    assert np.array_equal(np.delete(found, 1, axis=0), expected)


def test_a_hypothesis_that_is_too_long_is_cut_and_counted(critic: EntailmentCritic) -> None:
    critic.long.clear()
    found = critic.score([(PREMISE, " ".join([FILLER] * 40)), (PREMISE, HYPOTHESIS)])
    assert np.isfinite(found).all()
    assert dict(critic.long) == {READ: 2, CUT: 1}
    assert describe_long(critic.long) == "of 2 pairs read 1 cut"
    assert describe_long({READ: 5}) == ""


def test_evaluations_say_what_was_not_read_at_once(
    toy_critic: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = " ".join([FILLER] * 20)
    examples = [Example(long, ("x",)), Example(PREMISE, ("x",))]
    found = measure([HYPOTHESIS] * 2, examples, critic=load_entailment_critic(str(toy_critic)))
    said = "of 2 pairs read 1 with the premise in windows"
    assert said in found["entailment"].signature
    assert "of 2 pairs read 1 cut" in found["entailment_back"].signature

    rows = [{"premise": p, "hypothesis": HYPOTHESIS, "label": "neutral"} for p in (long, PREMISE)]
    data = tmp_path / "nli.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(["critic", "evaluate", str(toy_critic), str(data), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["data"][0]["in_windows"] == 1
    assert said in err
