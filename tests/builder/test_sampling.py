from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from builder.config import parse_config
from builder.models import load_causal
from builder.run import build
from builder.sampling import make_sampler, sample_each
from builder.statistics.funnel import count_funnel
from builder.store import Run


def test_a_prompt_too_long_for_the_model_is_a_reason(
    toy_teacher: Path, toy_document: dict[str, Any]
) -> None:
    wanted = parse_config(toy_document).contexts.sampling
    nucleus = make_sampler(
        load_causal(str(toy_teacher), device="cpu", dtype="float32"), wanted, "length"
    )
    prompts = ["News: A cat", "word " * 400, "News: The dog", "News: Mary"]
    samples, faults = sample_each(nucleus, prompts, 3, 0, lambda n: None)
    assert faults == {1: "prompt_unusable"}
    assert [(s.prompt, s.index) for s in samples] == [(p, i) for p in (0, 2, 3) for i in range(3)]


def test_memory_that_never_suffices_rejects_and_the_build_goes_on(
    toy_document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from builder.decoding.nucleus import NucleusSampler
    from builder.errors import NoMemory

    real = NucleusSampler.sample

    def cramped(self: NucleusSampler, prompts: Any, *args: Any, **options: Any) -> Any:
        if any(len(prompt) > 60 for prompt in prompts):
            raise NoMemory("not enough memory to decode a single continuation")
        return real(self, prompts, *args, **options)

    monkeypatch.setattr(NucleusSampler, "sample", cramped)
    config = parse_config(toy_document)
    build(config, tmp_path / "run")
    steps = {step.stage: step for step in count_funnel(Run.open(tmp_path / "run"), config)}
    lost = steps["candidates"].rejected["out_of_memory"]
    assert lost > 0
    assert lost % config.candidates.samples == 0
    assert steps["candidates"].entered == steps["contexts"].kept * config.candidates.samples
