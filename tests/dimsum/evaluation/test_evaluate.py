"""Baselines, data, the teacher's prompts, and whole evaluations from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from builder.cli import run
from dimsum import Student
from dimsum.errors import UsageError
from dimsum.evaluation import teacher as asking
from dimsum.evaluation.baselines import count_lead_words, write_baseline
from dimsum.evaluation.data import Example, read_examples
from dimsum.metrics.bertscore import OFFLINE, choose
from dimsum.spec import Generation
from dimsum.tasks.paraphrase import PARAPHRASE
from dimsum.tasks.summary import SUMMARY
from tests.student_toys import toy_pairs, write_jsonl

EXAMPLES = [
    Example("one two three four five", ("one two", "one two three four")),
    Example("six seven eight nine", ("six seven eight",)),
    Example("ten eleven", ("ten",)),
]


def test_baselines_by_hand() -> None:
    assert count_lead_words(EXAMPLES) == 2  # (2 + 4 + 3 + 1) / 4 = 2.5, rounded to even
    assert write_baseline("lead", EXAMPLES) == ["one two", "six seven", "ten eleven"]
    assert write_baseline("copy", EXAMPLES) == [example.source for example in EXAMPLES]
    drawn = write_baseline("random", EXAMPLES)
    assert sorted(drawn) == ["one two", "six seven eight", "ten"]
    assert all(d != e.references[0] for d, e in zip(drawn, EXAMPLES, strict=True))
    with pytest.raises(UsageError, match="no baseline is called 'best'"):
        write_baseline("best", EXAMPLES)


def test_data_of_several_shapes(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"s1": "a b", "s2": "b a", "label": 1},
        {"s1": "c d", "s2": "e", "label": 0},
    ]
    mrpc = write_jsonl(tmp_path / "mrpc.jsonl", rows)
    found = read_examples(str(mrpc), PARAPHRASE, where={"label": 1})
    assert found == [Example("a b", ("b a",))]
    many = write_jsonl(tmp_path / "many.jsonl", [{"source": "x y", "refs": ["x", "", "y"]}])
    assert read_examples(str(many), SUMMARY) == [Example("x y", ("x", "y"))]
    named = read_examples(str(mrpc), PARAPHRASE, source="s2", references="s1", limit=1)
    assert named == [Example("b a", ("a b",))]
    nested = write_jsonl(tmp_path / "nested.jsonl", [{"set": ["long text", "short"]}])
    found = read_examples(str(nested), SUMMARY, source="set.0", references="set.1")
    assert found == [Example("long text", ("short",))]
    (tmp_path / "s.txt").write_text("a b c\nd e f\n")
    (tmp_path / "r1.txt").write_text("a\nd\n")
    (tmp_path / "r2.txt").write_text("b\n\n")
    files = [tmp_path / "r1.txt", tmp_path / "r2.txt"]
    found = read_examples(str(tmp_path / "s.txt"), SUMMARY, reference_files=files)
    assert found == [Example("a b c", ("a", "b")), Example("d e f", ("d",))]
    assert PARAPHRASE.benchmarks["mrpc"].where == {"label": 1}


def test_bad_data_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a benchmark of the task summary"):
        read_examples("gigaword", PARAPHRASE)
    rows = write_jsonl(tmp_path / "x.jsonl", [{"left": "a", "right": "b"}])
    with pytest.raises(UsageError, match="no column 'source' and no column 'target'; found left"):
        read_examples(str(rows), SUMMARY)
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(UsageError, match="no source to judge on; it is empty"):
        read_examples(str(tmp_path / "empty.jsonl"), SUMMARY)
    (tmp_path / "s.txt").write_text("a\nb\n")
    (tmp_path / "r.txt").write_text("a\n")
    with pytest.raises(UsageError, match=r"r\.txt has 1 lines, .*s\.txt has 2"):
        read_examples(str(tmp_path / "s.txt"), SUMMARY, reference_files=[tmp_path / "r.txt"])


def test_bertscore_falls_back_to_the_model_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from dimsum.errors import ModelError
    from dimsum.metrics import bertscore

    def nowhere(resolved: Any) -> Any:
        raise ModelError("no network")

    monkeypatch.setattr(bertscore, "pin", nowhere)
    assert choose("auto") == OFFLINE
    monkeypatch.setattr(bertscore, "pin", lambda resolved: resolved)
    assert choose("auto") == "roberta-large"
    assert choose("owner/name") == "owner/name"


def test_the_teacher_is_asked_in_every_way(
    toy_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = Student.from_pretrained(toy_llama, device="cpu", dtype="float32")
    assert len(asking.list_variants(teacher, SUMMARY.teacher, shots=0)) == 3
    text = asking.make_prompt(teacher, SUMMARY.teacher, asking.Variant(0, 2, False), "A dog barks.")
    assert text.count("Summary:") == 3
    assert text.endswith("Sentence: A dog barks.\nSummary:")
    teacher.tokenizer.chat_template = (
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
    )
    assert len(asking.list_variants(teacher, PARAPHRASE.teacher, shots=4)) == 6
    chat = asking.make_prompt(
        teacher, PARAPHRASE.teacher, asking.Variant(1, 1, True), "A dog barks."
    )
    assert chat.count("<assistant>") == 2
    assert chat.endswith("Different words:<assistant>")
    monkeypatch.setattr(asking, "GENERATION", Generation(max_new_tokens=4))
    calls = []

    def score(outputs: Any) -> float:
        calls.append(outputs)
        return float(len(calls))

    chosen, tried = asking.choose_variant(
        teacher, SUMMARY.teacher, ["a", "b"], shots=0, score=score
    )
    assert [len(outputs) for outputs in calls] == [2] * 6
    assert chosen.name == list(tried)[-1] == "zero-shot, question 3, chat"
    assert asking.clean(' "Quite so." ') == "Quite so."


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [
        {"source": row["source"], "refs": [row["target"], row["target"] + " Yes."]}
        for row in toy_pairs(12, seed=3)
    ]
    return write_jsonl(tmp_path / "data.jsonl", rows)


def written_again(*arguments: Any, **named: Any) -> None:
    raise AssertionError("written again")


def test_an_evaluation_from_the_command_line(
    data: Path,
    toy_t5: Path,
    toy_llama: Path,
    toy_critic: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(asking, "GENERATION", Generation(max_new_tokens=6))
    student = Student.from_pretrained(toy_t5, device="cpu", dtype="float32")
    student.spec.trained = {"long-extractive": 1, "short-abstractive": 2, "paraphrase": 1}
    student.spec.generation = Generation(max_new_tokens=8)
    student.save(tmp_path / "student")
    (tmp_path / "mine.txt").write_text("Mine.\n" * 9)
    start = ["evaluate", str(tmp_path / "student"), "--data", str(data), "--task", "summary"]
    more = ["--baseline", "copy", "--baseline", "lead", "--baseline", "random"]
    more += ["--teacher", str(toy_llama), "--teacher-sample", "3", "--controls", "5"]
    more += ["--critic", str(toy_critic), "--bertscore", "none", "--dtype", "float32"]
    more += ["--beams", "3", "--matched", "--rerank", "2", "--rerank-critic", str(toy_critic)]
    more += ["--outputs", f"mine={tmp_path / 'mine.txt'}", "--name", "M1", "--json"]
    report, folder = tmp_path / "report.json", tmp_path / "outputs"
    assert run([*start, *more, "-o", str(report), "--save-outputs", str(folder)]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found == json.loads(report.read_text())
    teachers = ["teacher zero-shot", "teacher few-shot"]
    matched = [f"M1 at the length of {name}" for name in teachers]
    prompts = {name: found["systems"][name]["facts"] for name in teachers}
    better = max(teachers, key=lambda name: prompts[name]["tried"][prompts[name]["prompt"]])
    teacher_chosen = f"{better}, best of 2"
    names = [
        "M1",
        "M1, best of 2 and 3 beams",
        "mine",
        *teachers,
        teacher_chosen,
        *matched,
        "copy",
        "lead",
        "random",
    ]
    assert list(found["systems"]) == names
    assert found["examples"] == 9  # the last three chose the teacher's prompts
    assert found["references"] == 2
    for system in found["systems"].values():
        assert set(system["metrics"]) == set(found["signatures"])
        assert all(cell["n"] == 9 and cell["signature"] for cell in system["metrics"].values())
        for name in ("rouge1", "compression", "entailment"):
            cell = system["metrics"][name]
            assert cell["low"] <= cell["value"] <= cell["high"]
    assert found["systems"]["copy"]["metrics"]["copy_rate"]["value"] == 100
    assert found["systems"]["M1"]["facts"]["control"] == "short-abstractive"
    tests = {(test["a"], test["b"]) for test in found["paired"]}
    assert tests >= set(zip(matched, teachers, strict=True))
    assert {b for a, b in tests if a == "M1"} == set(names[1:])
    others = {*teachers, teacher_chosen, "copy", "lead", "random"}
    assert all({b for a, b in tests if a == name} == others for name in names[1:2])
    control = found["control"]["M1"]
    assert set(control["by_code"]) == {"long-extractive", "short-abstractive"}
    assert 0 <= control["length"] <= 1
    rows = [json.loads(line) for line in (folder / "outputs.jsonl").read_text().splitlines()]
    assert list(rows[0]["outputs"]) == names
    assert rows[0]["outputs"]["mine"] == "Mine."
    reused = [*start, *more, "--reuse", str(folder)]
    with monkeypatch.context() as patch:
        patch.setattr(Student, "write", written_again)
        patch.setattr(Student, "continue_rows", written_again)
        assert run(reused) == 0
        assert json.loads(capfd.readouterr().out) == found
        other_referee = ["--rerank-critic", "embedded:critic"]
        fewer = ["--limit", "9", "--teacher-sample", "2"]
        for other in (["--style", "extractive"], fewer, other_referee):
            assert run([*reused, *other]) == 1
            assert "written again" in capfd.readouterr().err
    assert run([*reused, "--limit", "3"]) == 2
    assert "are for other examples" in capfd.readouterr().err
    assert run([*start, *more, "--reuse", str(tmp_path)]) == 2
    assert "holds no outputs of an evaluation" in capfd.readouterr().err
    different = ["--rerank", "2", "--rerank-critic", str(toy_critic), "--name", "M1"]
    different += ["--rerank-by", "difference", "--bertscore", "none", "--dtype", "float32"]
    assert run([*start, *different, "--json", "--quiet"]) == 0
    systems = json.loads(capfd.readouterr().out)["systems"]
    assert list(systems) == ["M1", "M1, best of 2 by difference"]
    asked = [*start, "--name", "M1", "--no-copies", "--bertscore", "none", "--dtype", "float32"]
    assert run([*asked, "--json", "--quiet"]) == 0
    assert list(json.loads(capfd.readouterr().out)["systems"]) == ["M1", "M1, no copies"]
    beams = ["--beams", "3", "--controls", "2", "--name", "M1", "--baseline", "lead", "--json"]
    assert run([*start, *beams, "--bertscore", "none", "--dtype", "float32", "--quiet"]) == 0
    searched = json.loads(capfd.readouterr().out)
    assert list(searched["systems"]) == ["M1", "M1, 3 beams", "M1, 3 beams that obey", "lead"]
    assert set(searched["control"]) == {"M1", "M1, 3 beams", "M1, 3 beams that obey"}
    assert run([*start, *more[:6], "--bertscore", "none", "--quiet"]) == 0
    table = capfd.readouterr().out
    assert "student - copy, rougeL:" in table
    assert "rouge-score" in table


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "there is nothing to judge"),
        (["--baseline", "best"], "no baseline is called 'best'"),
        (["--baseline", "copy", "-o", "data.jsonl"], "data.jsonl exists"),
        (["--baseline", "copy", "--outputs", "x=nowhere"], "not NAME=FILE"),
        (["--baseline", "copy", "--outputs", "x=short.txt"], "short.txt has 1 outputs"),
        (["--baseline", "copy", "--baseline", "copy"], "two systems have the same name"),
        (["--baseline", "copy", "--source-column", "no"], "no column 'no'; found source, refs"),
        (["--baseline", "copy", "--name", "a"], "0 models but 1 names"),
        (["--baseline", "copy", "--beams", "4"], "--beams is about a MODEL"),
        (["--baseline", "copy", "--rerank-by", "difference"], "is about the choice of --rerank"),
        (["--baseline", "copy", "--no-copies"], "--no-copies is about a MODEL"),
        (["--baseline", "copy", "--beams", "65"], "65 is not in the range"),
    ],
)
def test_evaluate_refuses_with_one_clear_line(
    arguments: list[str],
    message: str,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short.txt").write_text("one\n")
    before = data.read_bytes()
    start = ["evaluate", "--data", "data.jsonl", "--task", "summary", "--bertscore", "none"]
    assert run([*start, *arguments]) == 2
    assert message in capfd.readouterr().err
    assert data.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data.jsonl", "short.txt"]
