"""Several data sets in one command, and the page of what came of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.cli import run
from dimsum import Student
from dimsum.evaluation.page import mark_words, render
from dimsum.spec import Generation
from tests.student_toys import toy_pairs, write_jsonl


@pytest.fixture
def suite(tmp_path: Path, toy_t5: Path) -> list[str]:
    """A command over a set of summaries and a set of paraphrases."""
    rows = [{"source": row["source"], "refs": [row["target"]]} for row in toy_pairs(6, seed=3)]
    write_jsonl(tmp_path / "data.jsonl", rows)
    (tmp_path / "suite.yaml").write_text(
        "sets:\n"
        "  short: {data: data.jsonl, task: summary, options: {length: short}, limit: 4}\n"
        "  words: {data: data.jsonl, task: paraphrase}\n"
    )
    student = Student.from_pretrained(toy_t5, device="cpu", dtype="float32")
    codes = ("long-extractive", "short-abstractive", "paraphrase")
    student.spec.trained = dict.fromkeys(codes, 1)
    student.spec.generation = Generation(max_new_tokens=6)
    student.save(tmp_path / "student")
    words = ["evaluate", str(tmp_path / "student"), "--suite", str(tmp_path / "suite.yaml")]
    words += ["--baseline", "copy", "--bertscore", "none", "--controls", "2", "--dtype", "float32"]
    return [*words, "-o", str(tmp_path / "out")]


def test_a_suite_is_every_set_and_goes_on(
    suite: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "out" / "words-outputs").mkdir(parents=True)  # as an interruption leaves it
    assert run([*suite, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert list(found) == ["short", "words"]
    assert found["short"]["examples"] == 4 and found["words"]["examples"] == 6
    assert found["short"]["systems"]["student"]["facts"]["control"] == "short-abstractive"
    page = (tmp_path / "out" / "suite.html").read_text()
    assert "short-abstractive" in page and "://" not in page
    (tmp_path / "out" / "words.json").unlink()
    (tmp_path / "out" / "suite.html").unlink()
    with monkeypatch.context() as patch:  # all outputs are there
        patch.setattr(Student, "write", None)
        assert run([*suite, "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == found
    assert (tmp_path / "out" / "suite.html").read_text() == page
    assert run([*suite, "--baseline", "lead"]) == 2
    assert "evaluated with other models or settings" in capfd.readouterr().err
    kept = (tmp_path / "out" / "short.json").read_text()
    (tmp_path / "out" / "short.json").write_text("[]")
    assert run(suite) == 2
    assert "evaluated with other models or settings" in capfd.readouterr().err
    (tmp_path / "out" / "short.json").write_text(kept)
    elsewhere = [*suite[:-1], str(tmp_path / "again"), "--baseline", "lead", "--reuse"]
    with monkeypatch.context() as patch:  # another folder takes them from the first
        patch.setattr(Student, "write", None)
        assert run([*elsewhere, str(tmp_path / "out"), "--json"]) == 0
    again = json.loads(capfd.readouterr().out)
    assert list(again["short"]["systems"]) == ["student", "copy", "lead"]
    assert again["short"]["systems"]["student"] == found["short"]["systems"]["student"]
    assert run([*elsewhere[:-1], "--reuse", str(tmp_path)]) == 2
    assert "holds no outputs of these sets" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sets: {}", "sets"),
        ("sets: {a: {data: x}}", "sets.a.task is missing"),
        ("sets: {a: {data: x, task: summery}}", "summery"),
        ("sets: {a: {data: x, task: summary, options: {length: huge}}}", "huge"),
        ("sets: {../a: {data: x, task: summary}}", "cannot name a file"),
        ("sets: {a: {data: x, task: summary, limits: 3}}", "did you mean 'limit'"),
        (
            "sets: {a: {data: data.jsonl, task: summary}, b: {data: x.csv, task: summary}}",
            "Error: no file at x.csv",  # before any model is asked for the first set
        ),
        (
            "sets: {a: {data: data.jsonl, task: summary, where: {source: no, refs: 007}}}",
            "has no row with source=no and refs=007",
        ),
    ],
)
def test_a_faulty_suite_gets_one_clear_line(
    text: str, message: str, suite: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "suite.yaml").write_text(text)
    assert run(suite) == 2
    said = capfd.readouterr().err
    assert message in said and len(said.splitlines()) == 2
    assert run([*suite, "--data", "x"]) == 2
    assert "leave out --data" in capfd.readouterr().err
    assert run(["evaluate", "--baseline", "copy"]) == 2
    assert "needs --data and --task, or --suite" in capfd.readouterr().err


def test_words_are_marked_against_the_source() -> None:
    marked = mark_words("The <old> dog sleeps now.", "The dog rests now.")
    assert marked == ("The <del>&lt;old&gt;</del> dog <del>sleeps</del> <ins>rests</ins> now.")


def test_the_page_escapes_what_it_shows() -> None:
    cell = {"value": 1.0, "low": 0.5, "high": 1.5}
    document = {
        "task": "summary", "data": "<b>", "examples": 1, "references": 1.0, "intervals": "i",
        "signatures": {"rougeL": ""}, "control": {},
        "systems": {"<i>": {"metrics": {"rougeL": cell}}},
    }  # fmt: skip
    row = {"source": "<script>", "references": ["<r>"], "outputs": {"<i>": "<script>x"}}
    page = render({"<h>": document}, {"<h>": [row]})
    for text in ("<b>", "<i>", "<h>", "<script>", "<r>"):
        assert text not in page
