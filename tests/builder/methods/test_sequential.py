from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from builder.config import parse_config
from builder.methods.base import Request
from builder.methods.sequential import SequentialSettings, draw
from builder.models import LoadedModel, load_causal
from builder.run import build
from builder.stages.order import count_units
from builder.store import REJECTS, Run


def teacher(folder: Path) -> LoadedModel:
    return load_causal(str(folder), device="cpu", dtype="float32")


def asked(folder: Path, prompt: str, sentences: list[str], count: int, ticks: list[int]) -> Request:
    return Request([prompt], [sentences], count, 0, teacher(folder), ticks.append)


def test_a_second_sentence_says_the_keywords_of_the_first(toy_teacher: Path) -> None:
    ticks: list[int] = []
    prompt = "News: The old dog sleeps near the river."
    request = asked(toy_teacher, prompt, ["Mary sings in the garden.", "Two birds eat."], 2, ticks)
    found = draw(SequentialSettings(keywords=2, beams=4), request)
    assert len(found) == 2
    assert found[0].reason is None
    assert "mary" in found[0].text.lower()
    assert "garden" in found[0].text.lower()
    assert found[0].logprob < 0
    assert sum(ticks) > 0


def test_what_gives_no_keywords_and_what_is_missing_get_reasons(toy_teacher: Path) -> None:
    request = asked(toy_teacher, "News: A cat", ["..."], 3, [])
    found = draw(SequentialSettings(), request)
    reasons = ["no_keywords", "no_first_sentence", "no_first_sentence"]
    assert [one.reason for one in found] == reasons


def test_a_build_with_both_methods_adds_up(toy_document: dict[str, Any], tmp_path: Path) -> None:
    toy_document["candidates"]["methods"][0]["share"] = 0.66
    own = {"kind": "sequential", "share": 0.34, "beams": 4}
    toy_document["candidates"]["methods"].append(own)
    config = parse_config(toy_document)
    build(config, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    shards = range(count_units("candidates", config))
    accepted = [row for n in shards for row in run.read("candidates", n).to_pylist()]
    rejected = [row for n in shards for row in run.read("candidates", n, REJECTS).to_pylist()]
    contexts = sum(run.read("contexts", n).num_rows for n in shards)
    asked = Counter(row["method"] for row in accepted + rejected)
    assert asked == {"parallel": 8 * contexts, "sequential": 4 * contexts}
    ids = [row["context_id"] for row in accepted]
    assert ids == [i for i, _ in Counter(ids).items() for _ in range(Counter(ids)[i])]
    for context in set(ids):
        numbers = [row["candidate"] for row in accepted if row["context_id"] == context]
        assert numbers == list(range(len(numbers)))
    pairs = [row for n in shards for row in run.read("pairs", n).to_pylist()]
    assert {row["method"] for row in pairs} == {"parallel", "sequential"}
