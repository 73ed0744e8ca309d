"""The command line: quick, quiet and clear."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

import builder
from builder.cli import VERBS, run

HEAVY = ("torch", "transformers", "datasets", "spacy", "numpy", "pyarrow", "huggingface_hub")
OF_STAGES = ("scipy", "networkx", "datasketch")
MODELS = ("torch", "transformers", "datasets")


def loaded_by(arguments: list[str]) -> set[str]:
    """Heavy packages that a command imports."""
    code = (
        "import sys; from builder.cli import run; run(sys.argv[1:]);"
        f"print([m for m in {HEAVY + OF_STAGES!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return set(yaml.safe_load(done.stderr.strip().splitlines()[-1]))


def test_help_is_fast_and_imports_nothing_heavy() -> None:
    assert loaded_by(["--help"]) == set()
    command = [str(Path(sys.executable).with_name("dimsum")), "--help"]
    best = 9.0
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        best = min(best, time.perf_counter() - began)
    assert best < 0.5


def test_every_verb_opens_without_a_model_library() -> None:
    code = (
        "import sys; from builder.cli import VERBS, run\n"
        "for verb in VERBS:\n"
        "    run([verb, '--help'])\n"
        f"    print(verb, *(m for m in {MODELS!r} if m in sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split() == list(VERBS)  # the first that imports one is followed by its name


def test_nothing_below_names_a_verb_of_the_top_floor() -> None:
    above = [verb for verb, (where, _) in VERBS.items() if where.startswith("builder.")]
    named = re.compile(rf"dimsum ({'|'.join(above)})\b")
    root = Path(builder.__file__).parents[1]
    files = [path for package in ("dimsum", "cards") for path in (root / package).rglob("*.*")]
    below = [path for path in files if path.suffix in (".py", ".j2", ".yaml")]
    assert below
    assert [str(path) for path in below if named.search(path.read_text("utf-8"))] == []


def test_showing_a_run_needs_no_model_library(toy_run: tuple[Path, Any]) -> None:
    assert not loaded_by(["show", str(toy_run[0])]) & {*MODELS, *OF_STAGES}


def test_results_go_to_standard_output_and_progress_does_not(
    toy_yaml: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert run(["build", str(toy_yaml), "--output", str(folder), "--json"]) == 0
    out, err = capfd.readouterr()
    result = json.loads(out)
    assert result["rows"] > 0
    assert "candidates" in err
    assert run(["show", str(folder), "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == result["funnel"]
    assert run(["show", str(folder), "--rejects", "--stage", "decisions", "--json"]) == 0
    rejects = json.loads(capfd.readouterr().out)
    assert len(rejects) == 20
    assert {row["stage"] for row in rejects} == {"decisions"}
    assert run(["show", str(folder), "--reason", "rouge_l", "--limit", "3"]) == 0
    assert "paraphrase.rouge_l" in capfd.readouterr().out
    assert run(["show", str(folder), "--rejects", "--reason", "rouge_ll"]) == 2
    message = capfd.readouterr().err
    assert "rejected no row for a reason like 'rouge_ll'" in message
    assert "paraphrase.rouge_l" in message.splitlines()[1]
    assert run(["show", str(folder), "--rejects", "--reason", "prompt_unusable", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == []
    assert run(["show", str(folder)]) == 0
    shown = capfd.readouterr().out
    reasons = {reason for step in result["funnel"] for reason in step["rejected"]}
    lines = [line.split(maxsplit=1) for line in shown.splitlines()]
    assert reasons == {line[0] for line in lines if line and line[0] in reasons and line[1:]}
    arguments = ["rescore", str(folder), "--set", "rules.summary.entail_forward.min=0.9", "--json"]
    assert run([*arguments, "--dry-run"]) == 0
    assert json.loads(capfd.readouterr().out)["moved"] >= 0
    assert run(["doctor", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["versions"]["torch"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["bild"], 2, "No such command 'bild'"),
        (["show"], 2, "Hint:  dimsum show [OPTIONS] RUN; `dimsum show --help` explains it"),
        (["show", ".", "--limit", "-1"], 2, "Invalid value for '--limit': -1 is not in the range"),
        (["build", "nowhere.yaml"], 2, "no settings at nowhere.yaml"),
        (["build", "embedded", "--set", "contexts.openngs=3"], 2, "did you mean 'openings'"),
        (["build", "embedded", "--set", "contexts.openings"], 2, "not of the form a.b=c"),
        (["show", "."], 2, ". is not a run"),
        (["rescore", ".", "--set", "seed=1"], 2, ". is not a run"),
        (["critic", "evaluate", "embedded:no", "x.jsonl"], 2, "no embedded model is called 'no'"),
        (["init", "x.yaml", "--preset", "newss"], 2, "did you mean 'news'"),
    ],
)
def test_mistakes_get_one_clear_line(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    row = {"premise": "It rains.", "hypothesis": "It rains.", "label": "entailment"}
    (tmp_path / "x.jsonl").write_text(json.dumps(row) + "\n")
    there = {path: path.read_bytes() for path in tmp_path.rglob("*")}
    assert run(arguments) == code
    out, err = capfd.readouterr()
    assert message in err
    assert "Traceback" not in err
    assert [line.split(":")[0] for line in err.splitlines()] in (["Error"], ["Error", "Hint"])
    assert out == ""
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == there


def test_init_writes_a_file_that_build_reads(tmp_path: Path) -> None:
    from builder.config import load_config

    (tmp_path / "openings.txt").write_text("Mix the flour\n\nHeat the oven\n")
    target = tmp_path / "mine.yaml"
    arguments = ["init", str(target), "--domain", "recipes"]
    assert run([*arguments, "--openings", str(tmp_path / "openings.txt")]) == 0
    config = load_config(target)
    assert config.domains[0].name == "recipes"
    assert config.rules == load_config("embedded").rules
    assert run(arguments) == 2
    assert run([*arguments, "--preset", "news", "--force"]) == 0
    assert load_config(target) == load_config("news")


def test_init_takes_tasks(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from builder.config import load_config

    target = tmp_path / "mine.yaml"
    assert run(["init", str(target), "--task", "deletion"]) == 0
    config = load_config(target)
    assert config == load_config("deletion")
    text = target.read_text()
    assert "# deletion: the target is the source without some of its words" in text
    assert "lost_heads: {max: 0}  # parts of the source that the target lacks, on which" in text
    both = ["--task", "deletion", "--task", "summary", "--force"]
    assert run(["init", str(target), *both]) == 0
    config = load_config(target)
    assert [task.name for task in config.definitions] == ["deletion", "summary"]
    assert config.scores.prior is not None and set(config.scores.prior.tasks) == {"summary"}
    neither = ["--task", "deletion", "--task", "paragraph_summary", "--force"]
    assert run(["init", str(target), *neither]) == 0
    assert load_config(target).scores.prior is None
    own = ["--task", "tests.tasks.headline:HEADLINE", "--force"]
    assert run(["init", str(target), *own]) == 2
    assert "rules.headline.entail_forward.min must be" in capfd.readouterr().err
    assert run(["init", str(target), "--task", "sumary", "--force"]) == 2
    assert "did you mean 'summary'" in capfd.readouterr().err


def test_nothing_below_names_the_top_floor() -> None:
    root = Path(__file__).parents[1]
    sources = [*(root / "dimsum").rglob("*.py"), *(root / "cards").rglob("*.py")]
    assert len(sources) > 50
    assert [str(path) for path in sources if "builder" in path.read_text("utf-8")] == []
    assert {target.partition(".")[0] for target, _ in VERBS.values()} == {"builder", "dimsum"}
