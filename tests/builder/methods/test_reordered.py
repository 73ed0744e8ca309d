from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from builder.config import parse_config
from builder.methods.base import Draw, Request
from builder.methods.reordered import METHOD, ReorderedSettings
from builder.models import LoadedModel, load_causal
from builder.run import build
from builder.stages.order import count_units
from builder.store import REJECTS, Run

PROMPT = "News: The old dog sleeps near the river."
SENTENCES = [
    "The old dog sleeps near the river after the birds eat.",
    "Two birds eat.",
    "If the dog sleeps, the two birds sing in the garden.",
]
OTHERS = {
    "After the birds eat, the old dog sleeps near the river.": SENTENCES[0],
    "The two birds sing in the garden if the dog sleeps.": SENTENCES[2],
}


def request(folder: Path, sentences: list[str]) -> Request:
    teacher = load_causal(str(folder), device="cpu", dtype="float32")
    return Request([PROMPT], [sentences], 0, 0, teacher, lambda tokens: None)


def logprob(teacher: LoadedModel, text: str) -> tuple[float, int]:
    """Of the text after the prompt, and its tokens, by one plain pass."""
    start = teacher.tokenizer(PROMPT).input_ids
    whole = teacher.tokenizer(f"{PROMPT} {text}").input_ids
    with torch.no_grad():
        logits = teacher.model(input_ids=torch.tensor([whole])).logits[0]
    each = logits.double().log_softmax(-1)[range(len(whole) - 1), whole[1:]]
    return float(each[len(start) - 1 :].sum()), len(whole) - len(start)


def test_earlier_sentences_come_in_another_order(toy_teacher: Path) -> None:
    asked = request(toy_teacher, SENTENCES)
    found = METHOD.draw(ReorderedSettings(least=-100, loss=100), asked)
    assert {one.text for one in found} == set(OTHERS)
    for one in found:
        score, tokens = logprob(asked.teacher, one.text)
        assert one.reason is None
        assert one.logprob == pytest.approx(score, rel=1e-4)
        assert one.tokens == tokens


def test_what_the_teacher_finds_unlikely_is_rejected(toy_teacher: Path) -> None:
    asked = request(toy_teacher, SENTENCES)
    mean = {}
    for text in (*OTHERS, *OTHERS.values()):
        score, tokens = logprob(asked.teacher, text)
        mean[text] = score / tokens
    losses = {text: mean[source] - mean[text] for text, source in OTHERS.items()}
    less, more = sorted(losses, key=losses.__getitem__)
    limit = (losses[less] + losses[more]) / 2
    found = reasons(METHOD.draw(ReorderedSettings(least=-100, loss=limit), asked))
    assert found == {less: None, more: "unlikely_order"}
    worse, better = sorted(OTHERS, key=lambda text: mean[OTHERS[text]])
    limit = (mean[OTHERS[worse]] + mean[OTHERS[better]]) / 2
    found = reasons(METHOD.draw(ReorderedSettings(least=limit, loss=100), asked))
    assert found == {better: None, worse: "unlikely_order"}
    found = reasons(METHOD.draw(ReorderedSettings(least=-100, loss=100, most=1), asked))
    assert found == {better: None, worse: "enough_orders"}


def test_a_context_without_other_orders_gives_none(toy_teacher: Path) -> None:
    assert METHOD.draw(ReorderedSettings(), request(toy_teacher, ["Two birds eat."])) == []
    assert METHOD.draw(ReorderedSettings(), request(toy_teacher, [])) == []


def reasons(draws: list[Draw]) -> dict[str, str | None]:
    return {one.text: one.reason for one in draws}


def test_a_build_has_them_beside_its_samples(toy_document: dict[str, Any], tmp_path: Path) -> None:
    toy_document["candidates"]["methods"].append({"kind": "reordered", "least": -100, "loss": 100})
    config = parse_config(toy_document)
    assert config.candidates.counts == [toy_document["candidates"]["samples"], 0]
    build(config, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    shards = range(count_units("candidates", config))
    rows = [row for n in shards for row in run.read("candidates", n).to_pylist()]
    rows += [row for n in shards for row in run.read("candidates", n, REJECTS).to_pylist()]
    contexts = sum(run.read("contexts", n).num_rows for n in shards)
    assert sum(row["method"] == "parallel" for row in rows) == 12 * contexts


def test_a_share_is_refused(toy_document: dict[str, Any]) -> None:
    toy_document["candidates"]["methods"].append({"kind": "reordered", "share": 0.5})
    with pytest.raises(Exception, match="share"):
        parse_config(toy_document)
