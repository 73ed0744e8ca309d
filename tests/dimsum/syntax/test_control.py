"""A tree in the prompt: asked for, refused, trained on and written with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.cli import run
from dimsum import Student
from dimsum.errors import UsageError
from dimsum.pairs import Data, Pair
from dimsum.prompts import PromptFormat
from dimsum.spec import Generation
from dimsum.syntax.control import Refusal, SyntaxControl, find_trees
from dimsum.syntax.tree import ParserMismatch, TreeError
from dimsum.training.plan import plan
from dimsum.training.recipe import Recipe
from dimsum.training.train import train
from dimsum.training.trees import Shown, SyntaxTraining, add_trees
from tests.dimsum.syntax import parsers
from tests.student_toys import make_decisive, toy_pairs, write_jsonl, write_pairs

FLAT = f"{parsers.__name__}:flat"
CONTROL = SyntaxControl(parser=FLAT, height=2, labels=("S", "W"))
FOUR = "a b c d"


def asked(text: str | None, source: str = FOUR) -> str | Refusal:
    return find_trees(CONTROL, [source], [text])[0]


@pytest.mark.parametrize("shape", ["instruction_first", "instruction_last", "chat"])
@given(words=st.lists(st.text("ab(): ", min_size=1, max_size=5), max_size=4))
def test_a_prompt_with_a_tree_gives_back_its_source(shape: str, words: list[str]) -> None:
    form = PromptFormat.default(
        "causal",
        shape=shape,  # type: ignore[arg-type]
        chat=lambda text: f"<user>{text}</user>",
    ).model_copy(update={"syntax": CONTROL})
    again = PromptFormat.model_validate_json(form.model_dump_json())
    assert again == form
    source = " ".join(words)
    for tree in ("", "(S (W))"):
        prompt = again.render(source, "paraphrase", tree)
        assert again.parse(prompt) == ("paraphrase", source)
        assert ("Syntax: (S (W))" in prompt) == bool(tree)


def test_the_prompt_reads_as_it_should() -> None:
    form = PromptFormat.default("causal").model_copy(update={"syntax": CONTROL})
    assert form.render("A dog sleeps.", "paraphrase", "(S (W))") == (
        "Write a paraphrase of the sentence.\nSentence: A dog sleeps.\nSyntax: (S (W))\nAnswer:"
    )
    plain = PromptFormat.default("causal")
    assert form.render("A dog.", "paraphrase") == plain.render("A dog.", "paraphrase")
    with pytest.raises(UsageError, match="trained without trees"):
        plain.render("A dog.", "paraphrase", "(S (W))")


def test_an_exemplar_and_its_tree_ask_for_the_same() -> None:
    assert asked("one two") == asked("(S (W) (W))") == asked(f"{FLAT} (S (W one) (W two))")
    assert asked("one two") == "(S (W) (W))"
    assert asked(None) == asked(" ") == ""
    deep = SyntaxControl(parser=FLAT, height=2)
    assert find_trees(deep, [FOUR], ["(S (X (Y)))"]) == ["(S (X))"]


@pytest.mark.parametrize(
    ("text", "reason", "message"),
    [
        ("(S (W)", "not_a_tree", "not one tree in brackets"),
        ("(S (W", "not_a_tree", "not one tree in brackets"),
        ("(S (W)) )", "not_a_tree", "not one tree in brackets"),
        ("(S (NP) (VP))", "tree_of_another_parser", "never gave in training: NP, VP"),
        ("dependency (text (ROOT))", "tree_of_another_parser", "of the parser dependency"),
        ("really so?", "no_parse", "no tree was found"),
        ("word " * 30, "exemplar_too_long", "30 words and the source 4"),
        (f"(S {'(W) ' * 30})", "exemplar_too_long", "30 leaves and the source 4"),
    ],
)
def test_what_cannot_be_asked_for(text: str, reason: str, message: str) -> None:
    found = asked(text)
    assert isinstance(found, Refusal)
    assert found.reason == reason and message in found.error.message and found.error.hint


def pairs_with(*trees: str) -> list[Pair]:
    return [Pair("a b", f"c {n}", "paraphrase", "paraphrase", t) for n, t in enumerate(trees)]


def test_the_trees_of_a_training() -> None:
    settings = SyntaxTraining(parser=FLAT, height=2, share=1)
    shown = Shown()
    given = pairs_with("", f"{FLAT} (S (W (X)))", "(S (V))")
    given.append(Pair("a", "why?", "paraphrase", "paraphrase"))
    found = [pair.syntax for pair in add_trees(given, settings, shown)]
    assert found == ["(S (W) (W))", "(S (W))", "(S (V))", ""]
    assert shown.counts == {"shown": 3, "no_parse": 1} and shown.labels == {"S", "W", "V"}
    half, many = Shown(), pairs_with(*[""] * 400)
    list(add_trees(many, SyntaxTraining(parser=FLAT, share=0.5), half))
    assert 150 < half.counts["shown"] < 250 and sum(half.counts.values()) == 400


def test_trees_of_a_column_that_do_not_fit_the_recipe() -> None:
    with pytest.raises(ParserMismatch, match="of the parser dependency"):
        list(add_trees(pairs_with("dependency (text (x))"), SyntaxTraining(parser=FLAT), Shown()))
    with pytest.raises(TreeError):
        list(add_trees(pairs_with("(S (x)"), SyntaxTraining(parser=FLAT), Shown()))
    low = SyntaxTraining(parser=FLAT, height=3)
    with pytest.raises(UsageError, match="2 layers at most, and the recipe shows 3"):
        list(add_trees(pairs_with("(S (x))", "(S (y))"), low, Shown()))


def recipe_of(student: Path, **changes: Any) -> Recipe:
    values = {
        "student": str(student),
        "batch_size": 8,
        "micro_batch": 8,
        "learning_rate": 3e-3,
        "evaluations": 1,
        "precision": "float32",
        "sample_pairs": 3,
        "max_target_tokens": 64,
        "syntax": {"parser": FLAT, "height": 2, "share": 0.75},
        **changes,
    }
    return Recipe.model_validate(values)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="module", params=["toy_t5", "toy_llama"])
def trained(
    request: Any, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    base: Path = request.getfixturevalue(request.param)
    folder = tmp_path_factory.mktemp("student") / "s"
    train(Data(str(data)), recipe_of(base), folder, device="cpu")
    return folder, base


def opened(folder: Path) -> Student:
    student = Student.from_pretrained(folder, device="cpu", dtype="float32")
    student.spec.generation = Generation(max_new_tokens=8)
    if student.spec.architecture == "seq2seq":
        make_decisive(student.model)
    return student


def test_a_student_says_what_trees_it_knows(trained: tuple[Path, Path]) -> None:
    student = Student.from_pretrained(trained[0], device="cpu")
    known = student.spec.prompts.syntax
    assert known is not None
    assert (known.parser, known.height, known.labels) == (FLAT, 2, ("S", "W"))
    counts = student.spec.training["data"]["trees"]
    assert counts["shown"] + counts["without"] == 48 and counts["without"] > 2
    assert "syntax height" in (trained[0] / "README.md").read_text()


def test_a_student_reads_the_tree(trained: tuple[Path, Path]) -> None:
    student = opened(trained[0])
    source, exemplar, tree = "The dog sleeps.", "one two three four", "(S (W) (W) (W) (W))"
    prompts = [
        student.tokenizer.decode(row, skip_special_tokens=True)
        for row in student.encode([source] * 2, ["paraphrase"] * 2, [tree, ""])
    ]
    assert f"Sentence: {source}\nSyntax: {tree}" in prompts[0] and "Syntax" not in prompts[1]
    found = student.paraphrase(source, syntax=exemplar)
    assert found == student.paraphrase(source, syntax=tree)
    assert found == student.write([source], "paraphrase", trees=[tree])[0][0]
    assert student.paraphrase([source] * 2, syntax=[exemplar, ""]) == [
        found,
        student.paraphrase(source),
    ]
    sampled = [student.paraphrase(source, n=64, syntax=one) for one in (tree, "(S)", tree)]
    assert sampled[0] == sampled[2] != sampled[1]
    assert len(student.paraphrase(source, n=3, syntax=exemplar)) == 3
    assert student.rewrite(source, task="summary", syntax=exemplar)


def test_what_a_student_refuses(trained: tuple[Path, Path]) -> None:
    student, plain = opened(trained[0]), opened(trained[1])
    for syntax, message in (
        ("word " * 30, "30 words and the source 4"),
        ("(S (NP))", "never gave in training: NP"),
        (["a", "b"], "1 sources but 2 exemplars"),
        ("(S (W) ())", "not one tree"),
    ):
        with pytest.raises(UsageError, match=message):
            student.paraphrase(["a b c d"], syntax=syntax)
    with pytest.raises(UsageError, match="trained without trees"):
        plain.paraphrase("a b c d", syntax="b c d")


def test_a_student_is_trained_further_with_its_own_trees(
    trained: tuple[Path, Path], data: Path, tmp_path: Path
) -> None:
    for changes in ({"syntax": None}, {"syntax": {"parser": FLAT, "height": 3}}):
        with pytest.raises(UsageError, match="height=2, and the recipe differs"):
            train(Data(str(data)), recipe_of(trained[0], **changes), tmp_path / "x", device="cpu")
    further = train(Data(str(data)), recipe_of(trained[0]), tmp_path / "y", device="cpu")
    assert further.spec.trained["paraphrase"] == 32


def test_a_column_of_trees_is_read(toy_llama: Path, tmp_path: Path) -> None:
    rows = [{**row, "syntax": f"{FLAT} (S (X))"} for row in toy_pairs(24)]
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    student = train(Data(str(path)), recipe_of(toy_llama), tmp_path / "s", device="cpu")
    assert student.spec.prompts.syntax is not None
    assert student.spec.prompts.syntax.labels == ("S", "X")
    for row in rows:
        row["syntax"] = "dependency (text (X))"
    other = write_jsonl(tmp_path / "other.jsonl", rows)
    with pytest.raises(ParserMismatch, match="of the parser dependency"):
        train(Data(str(other)), recipe_of(toy_llama), tmp_path / "t", device="cpu")


def test_a_plan_counts_the_trees(toy_llama: Path, data: Path) -> None:
    with_them = plan(Data(str(data)), recipe_of(toy_llama), device="cpu", steps=0)
    without = plan(Data(str(data)), recipe_of(toy_llama, syntax=None), device="cpu", steps=0)
    assert with_them["tokens_a_pair"] > without["tokens_a_pair"] + 5


def test_generate_by_a_tree_and_by_a_column(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(trained[0])
    words = ["generate", folder, "--task", "paraphrase", "--quiet", "--dtype", "float32"]
    plain = tmp_path / "plain.txt"
    plain.write_text("The dog sleeps.\n\nA cat sits near the river.\n")
    assert run([*words, str(plain), "--syntax", "one two"]) == 0
    by_exemplar = capsys.readouterr().out
    assert len(by_exemplar.splitlines()) == 3
    assert run([*words, str(plain), "--syntax", "(S (W) (W))"]) == 0
    assert capsys.readouterr().out == by_exemplar
    rows = [
        {"source": "The dog sleeps.", "like": "one two"},
        {"source": "The dog sleeps.", "like": "word " * 30},
        {"source": "The dog sleeps.", "like": "(S (NP))"},
        {"source": "The dog sleeps.", "like": None},
        {"source": "The dog sleeps.", "like": 3},
        {"source": "The dog sleeps."},
    ]
    table = write_jsonl(tmp_path / "rows.jsonl", rows)
    assert run([*words, str(table), "--syntax-column", "like"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row.get("dropped") for row in found] == [
        None,
        "exemplar_too_long",
        "tree_of_another_parser",
        None,
        "number",
        None,
    ]
    assert [row["output"] is None for row in found] == [False, True, True, False, True, False]
    assert found[0]["output"] == by_exemplar.splitlines()[0]
    assert found[3]["output"] == found[5]["output"]


def test_generate_counts_what_it_left_out(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_jsonl(tmp_path / "rows.jsonl", [{"source": "a b", "like": "w " * 30}] * 3)
    words = ["generate", str(trained[0]), str(table), "--task", "paraphrase"]
    assert run([*words, "--syntax-column", "like"]) == 0
    assert "rows without an output: 3 exemplar_too_long" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--syntax", "(S (W) ())"], "not one tree in brackets"),
        (["--syntax", "(S (NP))"], "never gave in training: NP"),
        (["--syntax", "a", "--syntax-column", "like"], "one exemplar for all"),
        (["--syntax-column", "nothing"], "no column 'nothing'"),
    ],
)
def test_generate_refuses_in_two_lines(
    trained: tuple[Path, Path],
    tmp_path: Path,
    words: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = write_jsonl(tmp_path / "rows.jsonl", [{"source": "a b", "like": "a"}])
    assert run(["generate", str(trained[0]), str(table), "--task", "paraphrase", *words]) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert any(message in line for line in error[-2:]) and error[-1].startswith("Hint:")
    if words[0] == "--syntax" and len(words) == 2:
        plain = ["generate", str(trained[1]), str(table), "--task", "paraphrase", *words]
        assert run(plain) == 2
        assert "trained without trees" in capsys.readouterr().err
