"""The page on distillation holds the numbers of the files that it is written from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.scripts import script

distillation = script("distillation")


def test_the_page_says_what_was_measured(tmp_path: Path) -> None:
    around = {"mean": 0.7, "low": 0.61, "high": 0.82}
    toy = {
        "classes": 77,
        "seeds": 3,
        "reached": {"0.5": {"start": 1.234, "end": 2e-9, "largest_error": 3e-8}},
        "teacher": {"mean": 460.0, "sd": 198.24},
        "bells": {"1.0": {"divergence": 0.51083, "mean": 300.0, "sd": 30.0}},
        "exposure": dict.fromkeys(("off_policy", "half", "on_policy", "gain"), around),
    }
    step = {
        "of": {
            "teacher": "t", "trl": "9.8", "rows": 2, "prompt": 48, "target": 24, "layers": 12,
            "beta": 0.5, "rounds": 3,
        },
        "loss": {"ours": 0.25, "trl": 0.2500001},
        "losses_apart": 1e-7,
        "gradients_apart": 2e-6,
        "processor_seconds": {"ours": 1.5, "trl": 2.25},
        "trl_over_ours": [1.4, 1.5, 1.6],
        "peak_gib_above_the_models": {"ours": 0.5, "trl": 0.875},
    }  # fmt: skip
    (tmp_path / "toy.json").write_text(json.dumps(toy))
    (tmp_path / "step.json").write_text(json.dumps(step))
    words = ["--toy", str(tmp_path / "toy.json"), "-o", str(tmp_path / "page.md")]
    distillation.main(words)
    text = (tmp_path / "page.md").read_text()
    for said in ("77 classes", "1.234", "0.5108", "0.700 [0.610, 0.820]", "over 3 seeds"):
        assert said in text
    assert "TRL" not in text
    distillation.main([*words, "--step", str(tmp_path / "step.json")])
    text = (tmp_path / "page.md").read_text()
    for said in ("TRL 9.8's", "0.2500001", "1.50 times as long (from 1.40 to 1.60)", "0.875"):
        assert said in text


def test_the_page_says_what_students_of_text_reached(tmp_path: Path) -> None:
    def system(rouge: float, speed: float) -> dict[str, Any]:
        metrics = {
            name: {"value": rouge, "low": rouge - 1, "high": rouge + 1}
            for name in ("rougeL", "entailment", "compression")
        }
        facts = {"tokens_a_second": speed, "parameters": 7_100_000, "steps": 25}
        return {"metrics": metrics, "facts": facts}

    def tested(a: str, b: str, metric: str, p: float) -> dict[str, Any]:
        return {"a": a, "b": b, "metric": metric, "difference": 1.5, "low": -1, "high": 4, "p": p}

    good, bad = "on-policy, beta 0.5", "on-policy, beta 0.9"
    text = {
        "examples": 44,
        "of": {
            "layers": 12, "pairs": 300, "start_rate": 3e-4, "batch": 8, "learning_rate": 1e-4,
            "code": "short-extractive", "written": 2345,
        },
        "systems": {
            "teacher": system(60, 10), "start": system(70, 15), "cross-entropy": system(50, 15),
            good: system(54, 17), bad: system(51, 15),
        },
        "paired": [
            tested(a, b, metric, 0.2 if a == bad and metric == "rougeL" else 0.01)
            for a in (good, bad)
            for b in ("cross-entropy", "supervised KD")
            for metric in ("rougeL", "entailment")
        ],
    }  # fmt: skip
    said = distillation.describe_text(text)
    assert f"each at p < 0.05: {good}.\n" in said
    assert f"`{good}`, with 90% of its teacher's (wanted: 95%) at 1.70 times" in said
    assert "54.00 [53.00, 55.00]" in said and "the same 44 sources" in said
    assert "2,345 texts" in said and "for 25 steps of 8 of the data's pairs" in said
    for one in text["paired"]:  # type: ignore[attr-defined]
        one["p"] = 0.5
    assert "none of the on-policy students." in distillation.describe_text(text)
