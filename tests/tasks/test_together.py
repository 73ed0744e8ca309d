"""All shipped tasks in one build: each is treated like the others, from the funnel to a student."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from builder.audit.key import Key
from builder.cli import run
from builder.store import Run
from dimsum import Student
from dimsum.tasks import find_tasks, task_names, task_of

pytest.importorskip("wordfreq")

TASKS = ("deletion", "simplification", "paraphrase", "summary", "paragraph_summary")
"""In the order in which their rules are tried."""
LOOSE: dict[str, Any] = {
    "deletion": {"compression": {"max": 0.6}, "copied_in_order": {"min": 1}},
    "simplification": {"compression": {"max": 1}, "rarest_gain": {"min": 0.5}},
    "paraphrase": {"compression": {"min": 0.8, "max": 1.5}, "rouge_l": {"max": 0.85}},
    "summary": {"compression": {"min": 0.1, "max": 0.8}},
    "paragraph_summary": {"compression": {"min": 0.1, "max": 0.6}},
}
"""Rules that sentences of the toy language can satisfy; the critic of the toys knows nothing."""
BOTH_WAYS = tuple(task for task in TASKS if "backward" in task_of(task).directions)


@pytest.fixture(scope="module")
def corpus(
    toy_teacher: Path, toy_critic: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """(run, released folder) of a build of all five."""
    from tests.toys import toy_config

    document = toy_config(toy_teacher, toy_critic)
    document["tasks"] = list(TASKS)
    document["rules"] = {
        task: {**rules, "entail_forward": {"min": 0.1}} for task, rules in LOOSE.items()
    }
    for task in BOTH_WAYS:
        document["rules"][task]["entail_backward"] = {"min": 0.1}
    document["pairs"]["bounds"] = {task: {} for task in TASKS}
    document["contexts"] |= {"min_sentences": 1, "max_sentences": 3, "per_continuation": 2}
    document["candidates"]["methods"] += [
        {"kind": "quoted"},
        {"kind": "shortened", "least": -100, "loss": 100},
        {"kind": "eased", "least": -100, "loss": 100},
    ]
    folder = tmp_path_factory.mktemp("together")
    (folder / "five.yaml").write_text(yaml.safe_dump(document))
    assert run(["build", str(folder / "five.yaml"), "-o", str(folder / "run"), "--quiet"]) == 0
    return folder / "run", folder / "run" / "dimsum_plus"


def rows_of(corpus: tuple[Path, Path]) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    files = sorted((corpus[1] / "data").rglob("*.parquet"))
    return [row for path in files for row in pq.read_table(path).to_pylist()]


def test_each_task_has_rows_of_its_kind(corpus: tuple[Path, Path]) -> None:
    rows = rows_of(corpus)
    assert {row["task"] for row in rows} == set(TASKS) == set(task_names())
    for row in rows:
        assert row["control"] in task_of(row["task"]).code_names
        is_context = row["source"] == row["context"]
        sentences = row["source"].count(".")
        assert (row["task"] == "paragraph_summary") == (is_context and sentences > 1)
        assert row["target"].count(".") == 1


def test_the_first_task_that_fits_takes_a_pair_and_others_are_counted(
    corpus: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    folder = Run.open(corpus[0])
    several: dict[str, int] = {}
    for shard in range(3):
        record = folder.sidecar("decisions", shard)
        assert record is not None
        for name, count in record.counters.items():
            several[name] = several.get(name, 0) + count
        for row in folder.read("decisions", shard).to_pylist():
            fits = [task for task in TASKS if _fits(row, task)]
            assert row["task"] == fits[0]
            for other in fits[1:]:
                several[f"also_{other}"] -= 1
    assert several and set(several.values()) == {0}
    assert run(["show", str(corpus[0])]) == 0
    assert "pairs of other tasks satisfy the rules of summary too" in capfd.readouterr().out
    card = (corpus[1] / "README.md").read_text("utf-8")
    assert "A pair is of the first task in the order of the rules that it fits." in card


def _fits(row: dict[str, Any], task: str) -> bool:
    """Whether a pair satisfies the rules above, by arithmetic on its columns."""
    paragraph = task == "paragraph_summary"
    if (row.get("source_sentences", row["source"].count(".")) > 1) != paragraph:
        return False
    named = {**LOOSE[task], "entail_forward": {"min": 0.1}}
    if task in BOTH_WAYS:
        named["entail_backward"] = {"min": 0.1}
    return all(
        row[name] is not None and ends.get("min", -9e9) <= row[name] <= ends.get("max", 9e9)
        for name, ends in named.items()
    )


def test_card_report_statistics_and_audit_name_all_five(
    corpus: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output, dataset = corpus
    card = (dataset / "README.md").read_text("utf-8")
    for task in find_tasks(TASKS):
        assert f"| {task.meaning} |" in card.replace("\\", "")
        assert f"{task.plural}" in card
    assert "paragraph summaries of English paragraphs of two to four sentences" in card
    assert "or the source where that is the text" in card
    assert run(["card", "lint", str(dataset)]) == 0
    statistics = json.loads((dataset / "provenance/statistics.json").read_text())
    assert set(statistics["tasks"]) == set(TASKS) == set(statistics["by"]["task"])
    assert run(["report", str(output), "-o", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text("utf-8")
    assert all(f"--task-{task}:" in page for task in TASKS)
    audit = tmp_path / "audit"
    assert run(["audit", "draw", str(dataset), "-n", "60", "-o", str(audit)]) == 0
    guideline = (audit / "guideline.md").read_text("utf-8")
    drawn = {json.loads(line)["task"] for line in (audit / "reader-1.jsonl").open()}
    assert drawn == set(TASKS)
    for task in find_tasks(TASKS):
        assert task.guide in guideline
    key = Key.read(audit)
    assert {pair.task for pair in key.pairs if pair.right is not None} == set(TASKS)
    assert "known" not in guideline
    capfd.readouterr()


def test_splits_share_no_continuation(corpus: tuple[Path, Path]) -> None:
    folder = Run.open(corpus[0])
    rows = folder.read("splits", 0).to_pylist()
    origins = folder.read("splits", 0, "origins").to_pylist()
    where: dict[str, set[str]] = {}
    for row, origin in zip(rows, origins, strict=True):
        where.setdefault(origin["continuation_id"], set()).add(row["split"])
    assert len(where) > 3 and all(len(splits) == 1 for splits in where.values())


def test_a_student_learns_all_five(
    corpus: tuple[Path, Path], toy_t5: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "student"
    small = {"batch_size": 8, "micro_batch": 4, "epochs": 1, "evaluations": 1, "sample_pairs": 4}
    settings = [word for k, v in small.items() for word in ("--set", f"{k}={v}")]
    begin = ["train", str(corpus[1]), "--student", str(toy_t5), "--quiet", "--device", "cpu"]
    tasks = ["--set", f"tasks={json.dumps(TASKS)}"]
    assert run([*begin, *settings, *tasks, "-o", str(output)]) == 0
    student = Student.from_pretrained(output, device="cpu", dtype="float32")
    known = {code.task for code in student.spec.prompts.codes.values()}
    assert known == set(TASKS)
    card = (output / "README.md").read_text("utf-8")
    assert "sums up English paragraphs of two to four sentences" in card
    assert run(["card", "lint", str(output)]) == 0
    (tmp_path / "in.jsonl").write_text('{"source": "A cat sits. Two birds sing."}\n')
    capfd.readouterr()
    for task, more in (("paragraph_summary", []), ("deletion", ["--option", "rate=hard"])):
        words = ["generate", str(output), str(tmp_path / "in.jsonl"), "--task", task, *more]
        assert run([*words, "--quiet", "--device", "cpu", "--dtype", "float32"]) == 0
        assert json.loads(capfd.readouterr().out)["control"] in task_of(task).code_names
