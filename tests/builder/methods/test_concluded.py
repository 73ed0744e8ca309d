"""Conclusions: what is sampled behind a cue, without the cue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from builder.config import load_config, parse_config
from builder.decoding.nucleus import NucleusSampler
from builder.decoding.settings import SamplingConfig
from builder.methods.base import Request
from builder.methods.concluded import METHOD, ConcludedSettings
from builder.models import load_causal
from builder.run import build
from builder.sentences import tidy
from builder.store import Run
from dimsum.errors import UsageError

CUES = ("Two birds", "The old")
PROMPTS = ["News: The old dog sleeps near the river.", "News: Mary sings."]
HOW: dict[str, Any] = {"temperature": 0.8, "max_new_tokens": 12, "banned": ("\n",)}


def request(folder: Path, prompts: list[str], count: int) -> Request:
    teacher = load_causal(str(folder), device="cpu", dtype="float32")
    return Request(prompts, [[] for _ in prompts], count, 5, teacher, lambda tokens: None, prompts)


def test_each_cue_is_a_part_of_the_prompt_and_of_no_candidate(toy_teacher: Path) -> None:
    asked = request(toy_teacher, PROMPTS, 6)
    found = METHOD.draw(ConcludedSettings(cues=CUES, **HOW), asked)
    nucleus = NucleusSampler(
        asked.loaded.model, asked.loaded.tokenizer, SamplingConfig(stop="sentence", **HOW)
    )
    prompts = [f"{prompt} {cue}" for prompt in PROMPTS for cue in CUES]
    expected = nucleus.sample(prompts, 3, seed=5)
    assert [one.context for one in found] == [0] * 6 + [1] * 6
    for one, sample in zip(found, expected, strict=True):
        raw = tidy(sample.text)
        assert one.text == raw[:1].upper() + raw[1:]
        assert (one.logprob, one.tokens) == (sample.logprob, len(sample.tokens))
        assert one.cut == (sample.finish == "length")
    assert any(tidy(sample.text)[:1].islower() for sample in expected)


def test_at_least_as_many_as_asked_for_and_reasons_where_none_can_be(toy_teacher: Path) -> None:
    settings = ConcludedSettings(cues=CUES, **HOW)
    assert len(METHOD.draw(settings, request(toy_teacher, PROMPTS, 3))) == 2 * 2 * 2
    assert METHOD.draw(settings, request(toy_teacher, [], 3)) == []
    long = "the " * 5000
    found = METHOD.draw(settings, request(toy_teacher, [PROMPTS[0], long], 4))
    assert [one.reason for one in found if one.context == 0] == [None] * 4
    assert [one.reason for one in found if one.context == 1] == ["prompt_unusable"] * 4


def test_a_cue_says_something_and_the_card_names_it() -> None:
    for cues in ((), ("  ",)):
        with pytest.raises(ValueError, match="cues"):
            ConcludedSettings(cues=cues)
    settings = ConcludedSettings(cues=("In short, ",), temperature=0.4)
    assert METHOD.describe(settings) == 'after "In short,": temperature 0.4, nucleus 0.9'
    with pytest.raises(UsageError, match="cue"):
        load_config("paragraph_summary", ["candidates.methods=[{kind: concluded, cue: Overall}]"])


def test_a_build_draws_conclusions_first(toy_document: dict[str, Any], tmp_path: Path) -> None:
    own = {"kind": "concluded", **HOW, "banned": ["\n"], "cues": list(CUES)}
    toy_document["candidates"]["methods"] = [own]
    config = parse_config(toy_document)
    build(config, tmp_path / "run")
    rows = Run.open(tmp_path / "run").read("candidates", 0).to_pylist()
    assert rows and {row["method"] for row in rows} == {"concluded"}
    assert all(row["sentence"][:1].isupper() for row in rows)
