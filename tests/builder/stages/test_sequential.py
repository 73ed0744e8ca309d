from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from builder.config import parse_config
from builder.models import LoadedModel, load_causal
from builder.run import build
from builder.stages.order import units_of
from builder.stages.sequential import Seed, seconds
from builder.store import REJECTS, Run


def teacher(folder: Path) -> LoadedModel:
    return load_causal(str(folder), device="cpu", dtype="float32")


def settings(document: dict[str, Any], **sequential: Any) -> Any:
    document["candidates"]["sequential"] = {"share": 0.5, "beams": 4, **sequential}
    return parse_config(document).candidates


def test_a_second_sentence_says_the_keywords_of_the_first(
    toy_teacher: Path, toy_document: dict[str, Any]
) -> None:
    wanted = settings(toy_document, extractor="content", keywords=2)
    prompt = "News: The old dog sleeps near the river."
    seeds = [Seed(prompt, "Mary sings in the garden."), Seed(prompt, "Two birds eat.")]
    ticks: list[int] = []
    found = seconds(teacher(toy_teacher), wanted, seeds, ticks.append)
    assert found[0].reason is None
    assert "mary" in found[0].text.lower()
    assert "garden" in found[0].text.lower()
    assert found[0].logprob < 0
    assert sum(ticks) > 0


def test_seeds_without_a_sentence_in_them_get_a_reason(
    toy_teacher: Path, toy_document: dict[str, Any]
) -> None:
    wanted = settings(toy_document, extractor="content")
    found = seconds(teacher(toy_teacher), wanted, [Seed("News: A cat", "...")], lambda n: None)
    assert [one.reason for one in found] == ["no_keywords"]


def test_a_build_with_both_methods_adds_up(toy_document: dict[str, Any], tmp_path: Path) -> None:
    settings(toy_document, share=0.34, extractor="yake")
    config = parse_config(toy_document)
    build(config, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    shards = range(units_of("candidates", config))
    kept = [row for n in shards for row in run.read("candidates", n).to_pylist()]
    rejected = [row for n in shards for row in run.read("candidates", n, REJECTS).to_pylist()]
    contexts = sum(run.read("contexts", n).num_rows for n in shards)
    asked = Counter(row["method"] for row in kept + rejected)
    assert asked == {"parallel": 8 * contexts, "sequential": 4 * contexts}
    ids = [row["context_id"] for row in kept]
    assert ids == [i for i, _ in Counter(ids).items() for _ in range(Counter(ids)[i])]
    for context in set(ids):
        numbers = [row["candidate"] for row in kept if row["context_id"] == context]
        assert numbers == list(range(len(numbers)))
    pairs = [row for n in shards for row in run.read("pairs", n).to_pylist()]
    assert {row["method"] for row in pairs} == {"parallel", "sequential"}
