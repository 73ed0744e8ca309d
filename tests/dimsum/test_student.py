"""One student over both architectures: batches, files, what is saved."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from builder.cli import run
from dimsum import Student
from dimsum.errors import DimsumError, ModelError, UsageError
from dimsum.spec import SPEC_FILE, Generation
from tests.student_toys import make_decisive
from tests.toys import text

BOTH = pytest.mark.parametrize("architecture", ["seq2seq", "causal"])
SHORT = Generation(max_new_tokens=12)


@pytest.fixture
def folders(toy_t5: Path, toy_llama: Path) -> dict[str, Path]:
    return {"seq2seq": toy_t5, "causal": toy_llama}


def opened(folder: Path) -> Student:
    student = Student.from_pretrained(folder, device="cpu", dtype="float32")
    student.spec.generation = SHORT
    return student


def sentences(count: int) -> list[str]:
    rng = random.Random(1)
    return [text(rng, rng.randint(1, 4)) for _ in range(count)]


@BOTH
def test_a_batch_equals_one_by_one(architecture: str, folders: dict[str, Path]) -> None:
    student = opened(folders[architecture])
    assert student.spec.architecture == architecture
    sources = sentences(7)
    together = student.paraphrase(sources)
    assert together == [student.paraphrase(source) for source in sources]
    assert len(set(together)) > 1
    assert student.write(sources, "paraphrase", batch_size=2) == [[t] for t in together]


@BOTH
def test_the_kinds_of_answer(architecture: str, folders: dict[str, Path]) -> None:
    student = opened(folders[architecture])
    sources = sentences(3)
    assert isinstance(student.summarize(sources[0], length="short"), str)
    assert len(student.summarize(sources, style="extractive")) == 3
    several = student.paraphrase(sources, n=4)
    assert [len(outputs) for outputs in several] == [4, 4, 4]
    assert len({text for outputs in several for text in outputs}) > 4
    assert student.paraphrase(sources, n=4) == several
    assert student.paraphrase(sources, n=4, seed=1) != several
    assert student.write([], "paraphrase") == []


@BOTH
def test_long_sources_are_cut_and_counted(architecture: str, folders: dict[str, Path]) -> None:
    student = opened(folders[architecture])
    student.spec.max_source_tokens = 40
    rows = student.encode(["A cat sits.", "The dog sleeps. " * 50], ["paraphrase"] * 2)
    assert student.cut == 1
    assert len(rows[1]) <= 40
    tail = student.tokenizer.decode(rows[1])
    assert tail.removesuffix("</s>").endswith("Answer:" if architecture == "causal" else "")
    assert "The dog sleeps." in tail
    student.encode(["A cat sits."], ["paraphrase"])
    assert student.cut == 0


def test_a_causal_prompt_leaves_room_for_its_output(toy_llama: Path) -> None:
    student = Student.from_pretrained(toy_llama, device="cpu", dtype="float32")
    room = student.model.config.max_position_embeddings
    assert student.spec.max_source_tokens == room - student.spec.generation.max_new_tokens
    (prompt,) = student.tokens_of(["The dog sleeps. " * 200])
    assert len(prompt) == student.spec.max_source_tokens


def test_a_repeat_in_the_source_may_be_copied() -> None:
    from dimsum.writing import forbid_repeats

    processor = forbid_repeats(2, start=4)
    scores = torch.zeros(1, 10)
    assert not processor(torch.tensor([[5, 6, 7, 5, 9, 5]]), scores.clone()).isinf().any()
    banned = processor(torch.tensor([[0, 0, 0, 0, 5, 6, 5]]), scores.clone())
    assert banned.isinf().nonzero().tolist() == [[0, 6]]


@BOTH
def test_what_is_saved_opens_here_and_in_plain_transformers(
    architecture: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    student = opened(folders[architecture])
    student.spec.trained = {"paraphrase": 3, "long-extractive": 2}
    student.save(tmp_path / "student")
    again = Student.from_pretrained(tmp_path / "student", device="cpu", dtype="float32")
    assert again.spec == student.spec
    assert again.spec.codes == ["long-extractive", "paraphrase"]
    source = sentences(1)[0]
    assert again.paraphrase(source) == student.paraphrase(source)
    kind = AutoModelForSeq2SeqLM if architecture == "seq2seq" else AutoModelForCausalLM
    model = kind.from_pretrained(tmp_path / "student")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "student")
    saved = json.loads((tmp_path / "student" / SPEC_FILE).read_text())["prompts"]
    prompt = saved["template"].format(
        instruction=saved["instructions"]["paraphrase"], source=source
    )
    end = [tokenizer.eos_token_id] if architecture == "seq2seq" else []
    ids = torch.tensor([tokenizer(prompt)["input_ids"] + end])
    found = model.generate(ids, max_new_tokens=12, do_sample=False, pad_token_id=1)
    found = found[0] if architecture == "seq2seq" else found[0, ids.shape[1] :]
    plain = tokenizer.decode(found, skip_special_tokens=True).strip().splitlines()
    again.spec.generation = Generation(max_new_tokens=12, no_repeat_ngram=0)
    assert again.paraphrase(source) == (plain[0].strip() if plain else "")


def test_models_that_are_no_students(toy_critic: Path, tmp_path: Path, toy_llama: Path) -> None:
    with pytest.raises(UsageError, match="generates no text"):
        Student.from_pretrained(toy_critic)
    with pytest.raises(DimsumError, match="no model at"):
        Student.from_pretrained(tmp_path / "nowhere")
    student = opened(toy_llama)
    student.save(tmp_path / "broken")
    (tmp_path / "broken" / SPEC_FILE).write_text("{}")
    with pytest.raises(ModelError, match="not a student's description"):
        Student.from_pretrained(tmp_path / "broken")
    with pytest.raises(UsageError, match="2 sources but 1 control codes"):
        student.write(["a", "b"], ["paraphrase"])


def test_generate_reads_and_writes_both_forms(
    toy_t5: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = sentences(5)
    plain, lines = tmp_path / "in.txt", tmp_path / "in.jsonl"
    plain.write_text("".join(source + "\n" for source in sources))
    lines.write_text(
        "".join(json.dumps({"id": i, "text": s}) + "\n" for i, s in enumerate(sources))
    )
    start = ["generate", str(toy_t5), "--task", "summary", "--length", "short"]
    assert run([*start, str(plain), "--dtype", "float32"]) == 0
    out, err = capfd.readouterr()
    assert "no trained student" in err
    expected = Student.from_pretrained(toy_t5, dtype="float32").summarize(sources, length="short")
    assert out.splitlines() == expected
    for name in ([], ["-"]):
        monkeypatch.setattr("sys.stdin", io.StringIO(plain.read_text()))
        assert run([*start, *name, "--dtype", "float32", "--quiet"]) == 0
        out, err = capfd.readouterr()
        assert (out.splitlines(), err) == (expected, "")
    target = tmp_path / "out.jsonl"
    arguments = [str(lines), "--column", "text", "-o", str(target), "-n", "2", "--dtype", "float32"]
    assert run([*start, *arguments]) == 0
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert [row["id"] for row in rows] == list(range(5))
    assert all(len(row["outputs"]) == 2 for row in rows)
    assert rows[0]["control"] == "short-abstractive"


def test_generate_keeps_what_is_written_and_goes_on(
    toy_t5: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dimsum.generate.CHUNK", 4)
    rows = [json.dumps({"id": i, "source": s}) for i, s in enumerate(sentences(10))]
    rows[5] = json.dumps({"id": 5, "source": None})
    source, target, whole = (tmp_path / name for name in ("in.jsonl", "out.jsonl", "all.jsonl"))
    source.write_text("\n".join(rows) + "\n")
    start = ["generate", str(toy_t5), str(source), "--task", "summary", "--dtype", "float32"]
    assert run([*start, "-o", str(whole)]) == 0
    real, calls = Student.write, []

    def fail(self: Student, *arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("broken")
        return real(self, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Student, "write", fail)
        assert run([*start, "-o", str(target)]) == 1
    part = tmp_path / "out.jsonl.unfinished"
    assert "outputs of 8 rows are kept" in capfd.readouterr().err
    assert part.read_text() == "".join(whole.read_text().splitlines(keepends=True)[:8])
    assert not target.exists()
    with part.open("a") as stream:
        stream.write('{"half a li')
    before = part.read_bytes()
    assert run([*start, "-o", str(target), "-n", "2"]) == 2
    assert "another model or other options" in capfd.readouterr().err
    source.write_text("\n".join([rows[1], *rows[1:]]) + "\n")
    assert run([*start, "-o", str(target)]) == 2
    assert "other rows" in capfd.readouterr().err
    source.write_text("\n".join(rows) + "\n")
    assert before.startswith(part.read_bytes())
    calls.clear()
    with monkeypatch.context() as patch:
        patch.setattr(Student, "write", fail)
        assert run([*start, "-o", str(target)]) == 0
    assert len(calls) == 1
    assert target.read_text() == whole.read_text()
    assert json.loads(target.read_text().splitlines()[5])["output"] is None
    assert sorted(p.name for p in tmp_path.iterdir()) == ["all.jsonl", "in.jsonl", "out.jsonl"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join([*rows[:6], '{"id"']) + "\n"))
    other = ["generate", str(toy_t5), "--task", "summary", "--dtype", "float32"]
    assert run([*other, "-o", str(tmp_path / "late.jsonl")]) == 2
    kept = (tmp_path / "late.jsonl.unfinished").read_text().splitlines()
    assert kept == whole.read_text().splitlines()[:6]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "summary", "--length", "medium"], "'medium' is no length of the task summary"),
        (["--task", "paraphrase", "--length", "short"], "the task paraphrase has no length"),
        (["--task", "summary", "--column", "no"], "in.jsonl has no column 'no'; found source"),
        (["--task", "summary", "-o", "there.jsonl"], "there.jsonl exists"),
    ],
)
def test_generate_refuses_with_one_clear_line(
    arguments: list[str],
    message: str,
    toy_t5: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.jsonl").write_text('{"source": "A cat sits."}\n')
    (tmp_path / "there.jsonl").write_text("kept")
    assert run(["generate", str(toy_t5), "in.jsonl", *arguments]) == 2
    assert message in capfd.readouterr().err
    assert (tmp_path / "there.jsonl").read_text() == "kept"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "there.jsonl"]


def test_an_output_ends_with_its_first_line(toy_llama: Path) -> None:
    """A model that breaks lines is cut there, and says what it would have said with more tokens."""
    student = opened(toy_llama)
    make_decisive(student.model)
    rows = student.encode(sentences(12), ["paraphrase"] * 12)
    whole = student.continue_rows(rows, generation=Generation(max_new_tokens=1, no_repeat_ngram=0))
    counts: list[int] = []
    forward = student.model.forward
    breaks = student.tokenizer.encode("\n")[0]

    def breaking(**inputs: Any) -> Any:
        """At every third token the likeliest is a line break."""
        found = forward(**inputs)
        counts.append(1)
        if len(counts) % 3 == 0:
            found.logits[:, -1, breaks] = 1e6
        return found

    student.model.forward = breaking
    found = student.continue_rows(rows, generation=Generation(max_new_tokens=30, no_repeat_ngram=0))
    assert len(counts) == 3
    assert all(long.startswith(short) for (long,), (short,) in zip(found, whole, strict=True))
    assert all("\n" not in text for (text,) in found)


def test_a_line_ends_after_it_has_said_something(toy_llama: Path) -> None:
    from dimsum.writing import stop_at_line

    tokenizer = opened(toy_llama).tokenizer
    ended = stop_at_line(tokenizer, 2)
    said = {"\n": False, "The\n": True, "\n\nThe": False, " \n The dog\n": True, "The\n dog": False}
    for text_, expected in said.items():
        row = tokenizer.encode("\nA", add_special_tokens=False)[:2] + tokenizer.encode(
            text_, add_special_tokens=False
        )
        assert ended(torch.tensor([row]), None).tolist() == [expected]
