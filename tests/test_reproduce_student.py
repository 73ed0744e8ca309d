"""The experiment's script on toys, end to end: rounds, reports, page."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from builder.distill import DistillConfig, distill
from dimsum.evaluation import teacher as asking
from dimsum.spec import Generation
from tests.student_toys import toy_pairs, write_jsonl
from tests.toys import toy_config

SCRIPT = Path(__file__).parents[1] / "scripts/reproduce/student.py"


def script() -> Any:
    spec = importlib.util.spec_from_file_location("reproduce_student", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_written_from_what_commands_wrote(
    toy_teacher: Path,
    toy_critic: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    import yaml

    monkeypatch.setattr(asking, "GENERATION", Generation(max_new_tokens=8))
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "corpus.yaml"
    path.write_text(yaml.safe_dump(toy_config(toy_teacher, toy_critic)))
    options = ("precision=float32", "epochs=1", "batch_size=4", "micro_batch=4", "sample_pairs=0")
    config = DistillConfig(
        corpus=str(path),
        student="paper",
        student_set=(f"student={toy_teacher}", *options, "evaluations=1", "learning_rate=0.003"),
        samples=2,
        per_context=2,
        max_new_tokens=24,
        temperature=1.0,
    )
    distill(config, tmp_path / "run", device="cpu")
    rows = toy_pairs(24, seed=7)
    summary = [{"source": r["source"], "refs": [r["target"]]} for r in rows if r["task"] != "p"]
    pairs = [{"s1": r["source"], "s2": r["target"], "label": i % 2} for i, r in enumerate(rows)]
    first = write_jsonl(tmp_path / "first.jsonl", summary)
    second = write_jsonl(tmp_path / "second.jsonl", pairs)
    words = [str(tmp_path / "run"), "--work", str(tmp_path / "work"), "--device", "cpu"]
    words += ["--student", str(toy_teacher)]
    words += ["--teacher", str(toy_teacher), "--critic", str(toy_critic), "--dtype", "float32"]
    words += ["--summary", f"first={first}", "--paraphrase", f"second={second}"]
    words += ["--bertscore", "none", "--teacher-sample", "3", "--limit", "6"]
    target = tmp_path / "student.md"
    script().main([*words, "-o", str(target)])
    text = target.read_text()
    for head in ("Corpus", "Training", "What was to be reached", "first", "second", "Control"):
        assert f"## {head}\n" in text
    report = json.loads((tmp_path / "work/first.json").read_text())
    for name in ("M2", "M1", "M1 without control", "teacher zero-shot", "copy", "lead", "random"):
        value = report["systems"][name]["metrics"]["rougeL"]["value"]
        assert f"| {name} | {value:.2f} [" in text
    assert json.loads((tmp_path / "work/second.json").read_text())["examples"] == 6
    for name, text_of_system in (
        json.loads((tmp_path / "work/first-outputs/outputs.jsonl").read_text().splitlines()[0])[
            "outputs"
        ]
    ).items():
        assert f"  - {name}: {text_of_system}" in text
    assert str(tmp_path) not in text
    stamp = (tmp_path / "work/first.json").stat().st_mtime_ns
    script().main([*words, "-o", str(target)])
    assert (tmp_path / "work/first.json").stat().st_mtime_ns == stamp
    assert target.read_text() == text
    capfd.readouterr()
